"""Function calls: which function a name stands for, and what calling it needs (parse_func.c).

Functions of pg_catalog that compute from their arguments need nothing. Sequence functions need privileges on the
sequence. A user's function needs EXECUTE where PUBLIC lacks it, and what its body does, as its caller; a SECURITY
DEFINER function's body is its owner's affair, and is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.permissions import builtin, elsewhere
from p0_access.permissions.builtin import SYSTEM_TYPE
from p0_access.permissions.catalog import Function
from p0_access.permissions.infer import (
    bodies,
    builtin_calls,
    casts,
    expressions,
    names,
    node_members,
    overloads,
    refusals,
    signatures,
    types,
)
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, RefusedError, refuse_unreadable
from p0_access.permissions.infer.overloads import Given, Resolved
from p0_access.permissions.infer.scope import MISSING, AmbiguousError, Columns, Entry, Level, read_target
from p0_access.permissions.infer.tree import opened, strings
from p0_access.permissions.infer.types import canonical
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.wordlist import words

# They yield a value of their first argument's type.
_OF_FIRST_ARGUMENT: Final = words("any_value first_value lag last_value lead max min nth_value")
_TEXTS: Final = frozenset({"unknown", "varchar"})


def read_call(context: Context, level: Level, node: Node) -> Columns | str | None:
    """A FuncCall: its arguments, then the function. What it yields, if known."""
    return _read_call(context, level, node)[1]


def _read_call(context: Context, level: Level, node: Node) -> tuple[Resolved, Columns | str | None]:
    arguments: list[Node] = node.get("args", [])
    given = [expressions.read_expression(context, level, each) for each in arguments]
    for each in node.get("agg_order", ()):
        sorted_by = expressions.read_expression(context, level, each["SortBy"]["node"])
        if node.get("agg_within_group"):
            given.append(sorted_by)
    if "agg_filter" in node:
        expressions.read_expression(context, level, node["agg_filter"])
    if "over" in node:
        node_members.read_window(context, level, node["over"])
    variadic = "func_variadic" in node
    return call(context, level, strings(node["funcname"]), given, node.get("location", 0), arguments, variadic=variadic)


def call(
    context: Context,
    level: Level,
    qualified: tuple[str, ...],
    given: Given,
    place: int,
    arguments: Sequence[Node] = (),
    *,
    variadic: bool = False,
) -> tuple[Resolved, Columns | str | None]:
    """A call whose arguments were read: charges the function it stands for. That function, and what it yields.
    `variadic`: the last argument is an array of what a VARIADIC function takes one by one."""
    context.spend(5, place)
    found = overloads.resolve(context, qualified, given, place, variadic=variadic)
    if isinstance(found, builtin.BuiltinFunction):
        casts.pass_on(context, given, level.clause, place)
        builtin_calls.charge(context, level, qualified[-1], found, arguments, place)
        return found, _yielded(qualified[-1], found, given)
    if found:
        for each in dict.fromkeys(function.schema for function in found):
            context.name_schema(each, level.clause, place)
        if len(found) > 1 and not all(harmless(each) or bodies.is_free(context, each) for each in found):
            raise RefusedError(
                "ambiguous_function",
                f"{'.'.join(qualified)} may be several functions: {', '.join(signatures.signature(e) for e in found)}",
                place,
                "Cast the arguments, so that their types tell which one is meant.",
            )
        for candidate in found:
            charge(context, candidate, level.clause, place)
            _charge_values(context, candidate, given, arguments, level.clause, place)
            taken = signatures.wanted(context, candidate, len(given), variadic=variadic)
            for value, wanted in zip(given, taken, strict=False):
                casts.convert(context, value, wanted, level.clause, place, casts.IMPLICIT)
        return found, _value(context, found[0]) if len(found) == 1 else None
    return found, _projection_or_cast(context, level, qualified, given, place)


def _charge_values(
    context: Context, function: Function, given: Given, arguments: Sequence[Node], clause: str, place: int
) -> None:
    """What becomes of the values of a call: arguments that are left out are computed, and domains are checked."""
    types_ = signatures.types(function)
    left_out = max(len(types_) - len(given), 0)
    named = any("NamedArgExpr" in each for each in arguments)
    for text in (
        function.default_values if named and left_out else function.default_values[-left_out:] if left_out else ()
    ):
        bodies.expand_expression(context, text, None, clause, place)
    for type_ in (*types_, signatures.yielded(function)):
        if type_ is not None:
            casts.check_domains(context, type_, clause, place)


def _value(context: Context, function: Function) -> Columns | str | None:
    """What a call of a user's function yields, for each row that it does."""
    type_ = signatures.yielded(function)
    shape = signatures.columns(context, function) if type_ is None else None
    return Columns(shape[0]) if shape is not None and not shape[1] else type_


def _yielded(name: str, called: builtin.BuiltinFunction, given: Given) -> str | None:
    """The type that one of PostgreSQL's functions yields, for each row that it does."""
    if called.returns is not None:
        return called.returns
    if name == "unnest" and len(given) == 1:
        return types.element(given[0]) if isinstance(given[0], str) else None
    if called.open and not called.polymorphic:
        return None
    if name in _OF_FIRST_ARGUMENT and given and isinstance(given[0], str):
        return "text" if given[0] in _TEXTS else given[0]
    of_system = all(isinstance(each, str) and (each == "unknown" or types.is_system(each)) for each in given)
    return SYSTEM_TYPE if of_system or not called.polymorphic else None


def harmless(function: Function) -> bool:
    """Whether a call needs nothing at all: anybody may make it, and it runs compiled code for its caller."""
    compiled = function.language in ("c", "internal") and not function.parts
    return function.public and not function.security_definer and compiled


def charge(context: Context, function: Function, clause: str, place: int) -> None:
    """What a call of a user's function needs, but for USAGE on its schema."""
    refuse_unreadable(function, place)
    if not function.public:
        identity = f"{function.name}({function.identity})"
        context.callers.need(
            Permission(Kind.FUNCTION, function.schema, identity, None, "EXECUTE"), Reason(clause, place)
        )
    for part in function.parts:
        _charge_part(context, part, clause, place)
    if function.volatility == "volatile" and function.language not in ("c", "internal"):
        context.writes = True
    if not function.security_definer and function.language in ("c", "internal"):
        if function.name in builtin.OPAQUE_EXTENSION_FUNCTIONS or function.name.startswith(
            builtin.OPAQUE_EXTENSION_PREFIXES
        ):
            raise refusals.call(function.name, place)
    else:
        bodies.expand_function(context, function, clause, place)


def _charge_part(context: Context, part: tuple[str, str, str], clause: str, place: int) -> None:
    """What a function of an aggregate does: it runs as the caller, though EXECUTE on it is its owner's affair."""
    schema, name, identity = part
    found = next((each for each in context.catalog.functions_named(schema, name) if each.identity == identity), None)
    if found is None:
        raise RefusedError("unknown_function", f"the aggregate's function {schema}.{name} is not known", place)
    refuse_unreadable(found, place)
    bodies.expand_function(context, found, clause, place)


def _projection_or_cast(
    context: Context, level: Level, qualified: tuple[str, ...], given: Given, place: int
) -> Columns | str | None:
    """`name(row)` is a field, `type(x)` a cast, where there is no function; anything else does not exist."""
    *qualifiers, name = qualified
    if len(given) == 1:
        row = given[0]
        if isinstance(row, Columns) and not qualifiers:
            try:
                target = row.find(name)
            except AmbiguousError:
                target = MISSING
            if target is not MISSING:
                return read_target(target, Reason(level.clause, place))
        for schema in (qualifiers[-1],) if qualifiers else names.path(context):
            if names.is_type(context, schema, name):
                context.name_schema(schema, level.clause, place)
                wanted = name if schema in builtin.SCHEMAS else casts.printed(schema, name)
                casts.to(context, row, wanted, level.clause, place)
                return wanted
    called = ".".join(qualified)
    known: Sequence[str] = [f"{schema}.{name}" for schema, name in context.catalog.routines()]
    if not qualifiers:
        known = [*context.builtin.functions["pg_catalog"], *known]
    same = [each for each in known if each.rpartition(".")[2] == name]
    hint = (
        elsewhere.function(called) or context.did_you_mean(called, known)
        if not same
        else f"No {same[0]} takes {len(given)} argument(s) of these types."
    )
    raise RefusedError("unknown_function", f"function {called} does not exist", place, hint)


def read_procedure(context: Context, level: Level, node: Node) -> None:
    """The call in CALL."""
    found, _ = _read_call(context, level, node)
    if isinstance(found, builtin.BuiltinFunction) or not found or found[0].kind != "procedure":
        name = ".".join(strings(node["funcname"]))
        raise RefusedError(
            "unknown_function", f"{name} is not a procedure", hint=f"A function is called by SELECT {name}(…)."
        )


def read_table_function(context: Context, level: Level, node: Node, name: str) -> tuple[Sequence[Entry], bool]:
    """A function in FROM: its columns and whether there are more. One without a name of its own is called `name`."""
    kind, members = opened(node)
    if kind != "FuncCall":
        value = expressions.read_expression(context, level, node)
        return [(name, value if isinstance(value, str) else None)], False
    qualified = strings(members["funcname"])
    arguments = members.get("args", [])
    if qualified == ("unnest",) and len(arguments) > 1:
        given = expressions.read_all(context, level, arguments)
        return [("unnest", types.element(each) if isinstance(each, str) else None) for each in given], True
    found, value = _read_call(context, level, members)
    type_ = value if isinstance(value, str) else None
    if isinstance(found, builtin.BuiltinFunction):
        if found.open or (found.polymorphic and not found.outs):
            return _of_type(context, type_, name, found.outs)
        of_outs = None if found.polymorphic else SYSTEM_TYPE
        return ([(each, of_outs) for each in found.outs] or [(name, type_)]), False
    if not found:
        return ([], True) if isinstance(value, Columns) else ([(name, type_)], False)
    shapes = {signatures.columns(context, each) for each in found}
    shape = shapes.pop() if len(shapes) == 1 else ((), True)
    return ([(name, type_)], False) if shape is None else shape


def _of_type(context: Context, type_: str | None, name: str, outs: Sequence[str]) -> tuple[Sequence[Entry], bool]:
    """The columns of a polymorphic function: those of its rows, or one."""
    if types.is_system(type_) and (type_ != SYSTEM_TYPE or not outs):
        return [(name, type_)], False
    row = names.fields(context, type_)
    if row is not None:
        return [(each.name, canonical(each.type)) for each in row], False
    return [(each, None) for each in outs or (name,)], True
