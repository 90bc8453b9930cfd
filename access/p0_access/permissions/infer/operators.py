"""Operators: functions by another name. Those of pg_catalog need nothing; others cost what their functions do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from p0_access.permissions import elsewhere
from p0_access.permissions.builtin import SCHEMAS, SYSTEM_TYPE, BuiltinOperator, builtin
from p0_access.permissions.catalog import Function, Operator
from p0_access.permissions.infer import bodies, builtin_calls, casts, functions, names, overloads, signatures
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Level
from p0_access.permissions.infer.tree import items, literal, string, strings
from p0_access.permissions.infer.types import canonical, element, is_polymorphic, is_system, may_be
from p0_access.permissions.parse import Node

_ARRAYS: Final = ("anyarray", "anycompatiblearray")
_BETWEEN: Final = (">=", "<=")
_RANGES: Final = frozenset({"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"})

Operand = Columns | str | None
Types = tuple[str | None, str | None]
"""Of a left and a right operand."""


def charge(context: Context, level: Level, node: Node, left: Operand, right: Operand) -> str | None:
    """One A_Expr whose operands were read; the type of its result, if known."""
    place = node.get("location", -1)
    kind = node["kind"]
    _name_objects(context, level, node, left, right)
    if kind in _RANGES:
        for symbol in _BETWEEN:
            use(context, level.clause, (symbol,), left, right, place)
        return "bool"
    if kind in ("AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT") and (_is_null(node["lexpr"]) or _is_null(node["rexpr"])):
        return "bool"  # read as IS NULL
    qualified = strings(node["name"])
    if kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL"):
        right = element(right) if isinstance(right, str) else None
    if "lexpr" not in node:
        return _use(context, level.clause, qualified, (None, right), place, prefix=True)
    result = use(context, level.clause, qualified, left, right, place)
    if kind == "AEXPR_NULLIF":
        return left if isinstance(left, str) else None
    return result if kind == "AEXPR_OP" else "bool"


def _name_objects(
    context: Context, level: Level, node: Node, left: Columns | str | None, right: Columns | str | None
) -> None:
    """A bare string beside a value of a reg… type is read as a name: `attrelid::regclass = 'shop.orders'`."""
    if string(node["name"][-1]) == "||":
        return  # that makes texts of both
    for value, other in ((left, node.get("rexpr")), (right, node.get("lexpr"))):
        if isinstance(value, str) and value.startswith("reg") and other:
            for each in items(other) if "List" in other else [other]:
                text = literal(each) if "A_Const" in each else None
                if text is not None:
                    builtin_calls.object_in_text(context, level.clause, value, text, node.get("location", -1))


def use(
    context: Context, clause: str, qualified: tuple[str, ...], left: Operand, right: Operand, place: int
) -> str | None:
    """Charges what an operator between two operands may be, of rows for each pair of their fields
    (make_row_comparison_op); the type of what it yields, if known."""
    if isinstance(left, Columns) and isinstance(right, Columns) and left.row and right.row:
        for (_, one), (_, other) in zip(left.entries(), right.entries(), strict=False):
            types = (one if isinstance(one, str) else None, other if isinstance(other, str) else None)
            _use(context, clause, qualified, types, place)
        return "bool"
    return _use(context, clause, qualified, (left, right), place)


def _use(
    context: Context,
    clause: str,
    qualified: tuple[str, ...],
    operands: tuple[Operand, Operand],
    place: int,
    *,
    prefix: bool = False,
) -> str | None:
    """The operator whose types match exactly, else all that may be meant (oper in parse_oper.c)."""
    symbol = "<>" if qualified[-1] == "!=" else qualified[-1]
    schemas = names.path(context) if len(qualified) == 1 else (qualified[-2],)
    of_system = context.builtin.operators.get(symbol, ()) if "pg_catalog" in schemas else ()
    candidates = [each for each in context.catalog.operators_named(symbol) if each.schema in schemas]
    if not candidates and not of_system:
        named = ".".join(qualified)
        raise RefusedError("unknown_operator", f"operator {named} does not exist", place, elsewhere.operator(named))
    types = _types(context, operands)
    if context.catalog.casts and ("." in (types[0] or "") or "." in (types[1] or "")):
        own = {canonical(each) for one in candidates for each in (one.left, one.right) if each is not None}
        casts.pass_on(context, (each for each in types if each not in own), clause, place)
    if not candidates:
        return _of_system(symbol, types, prefix=prefix)
    wanted = _with_literals(types)
    matching = _matching(symbol, wanted, prefix=prefix) if of_system else ()
    if matching:
        return _result(of_system, matching, types, prefix=prefix)
    candidates = [
        each for each in candidates if (each.left is None) == prefix and _fits(context, each, operands, types)
    ]
    if not candidates:
        return _result(of_system, (), types, prefix=prefix)
    exact = [
        each
        for each in candidates
        if (names.base_type(context, each.left), names.base_type(context, each.right)) == wanted
    ]
    exact = exact or _beside_literal(context, candidates, types)
    candidates = exact[:1] or _beside_text(candidates, of_system, types)
    if not candidates:
        return _result(of_system, (), types, prefix=prefix)
    sure = bool(exact) or (len(candidates) == 1 and not any(_fits_system(each, types) for each in of_system))
    for each in candidates:
        context.name_schema(each.schema, clause, place)
        for function in _behind(context, each, place):
            if functions.harmless(function) or bodies.is_free(context, function):
                continue
            if not sure:
                raise RefusedError(
                    "ambiguous_operator",
                    f"operator {symbol} may be one of {each.schema}'s",
                    place,
                    "Cast its operands, so that their types tell which operator is meant.",
                )
            functions.charge(context, function, clause, place)
    return _yielded(context, candidates[0], place) if sure else None


def _is_null(node: Node) -> bool:
    return bool(node.get("A_Const", {}).get("isnull"))


def _types(context: Context, operands: tuple[Operand, Operand]) -> Types:
    """Domains by what they are over."""
    left, right = (names.base_type(context, each) if isinstance(each, str) else None for each in operands)
    return left, right


def _with_literals(types: Types) -> Types:
    """A bare literal is first taken to be of the other operand's type, two of them to be texts."""
    left, right = types
    if left == right == "unknown":
        return "text", "text"
    return (right if left == "unknown" else left), (left if right == "unknown" else right)


@lru_cache(maxsize=4096)
def _of_system(symbol: str, types: Types, *, prefix: bool) -> str | None:
    """What an operator yields that only PostgreSQL has."""
    known = builtin().operators[symbol]
    return _result(known, _matching(symbol, _with_literals(types), prefix=prefix), types, prefix=prefix)


@lru_cache(maxsize=4096)
def _matching(symbol: str, wanted: Types, *, prefix: bool) -> tuple[str | None, ...]:
    """What those of PostgreSQL's yield that take just these types."""
    known = builtin().operators[symbol]
    return tuple(result for left, right, result in known if (left, right) == wanted and (left is None) == prefix)


def _beside_literal(context: Context, candidates: Sequence[Operator], types: Types) -> list[Operator]:
    """The one for a user's type beside a bare literal, which is of whatever type that one takes."""
    left, right = types
    if "unknown" not in types or is_system(left) or is_system(right):
        return []
    found = [
        each
        for each in candidates
        if (left is not None and left == names.base_type(context, each.left))
        or (right is not None and right == names.base_type(context, each.right))
    ]
    return found if len(found) == 1 else []


def _beside_text(candidates: list[Operator], of_system: Sequence[BuiltinOperator], types: Types) -> list[Operator]:
    """Without those that would take a bare literal for a user's type, where others take it for a text
    (func_select_candidate)."""
    if "unknown" not in types:
        return candidates
    place = types.index("unknown")
    if not any(each[place] == "text" and _fits_system(each, types) for each in of_system):
        return candidates
    return [each for each in candidates if "." not in ((each.left, each.right)[place] or "")]


def _result(
    of_system: Sequence[BuiltinOperator], matching: Sequence[str | None], types: Types, *, prefix: bool
) -> str | None:
    """What one of PostgreSQL's own operators yields."""
    if matching and matching[0] is not None:
        return matching[0]
    results = {result for _, _, result in of_system}
    if len(results) == 1:
        return results.pop()
    if all(each == "unknown" or is_system(each) for each in types[prefix:]):
        return SYSTEM_TYPE
    possible = {each[2] for each in of_system if (each[0] is None) == prefix and _fits_system(each, types)}
    return SYSTEM_TYPE if possible and None not in possible else None


def _fits(context: Context, operator: Operator, operands: tuple[Operand, Operand], types: Types) -> bool:
    pairs = zip(operands, types, (operator.left, operator.right), strict=True)
    return all(_may_be(context, given, type_, wanted) for given, type_, wanted in pairs if wanted is not None)


def _fits_system(operator: BuiltinOperator, types: Types) -> bool:
    pairs = zip(types, operator, strict=False)
    return all(_is_passable(given, wanted) for given, wanted in pairs if wanted is not None)


def _is_passable(given: str | None, wanted: str) -> bool:
    """Only arrays pass for arrays."""
    may_be_array = given in (None, "unknown", SYSTEM_TYPE) or given.endswith("[]")
    return may_be(given, wanted) and (may_be_array or wanted not in _ARRAYS)


def _may_be(context: Context, operand: Operand, given: str | None, wanted: str) -> bool:
    """A row passes for composite types only."""
    if not isinstance(operand, Columns):
        return may_be(given, names.base_type(context, wanted) or wanted)
    return is_polymorphic(wanted) or names.fields(context, wanted) is not None


def _yielded(context: Context, operator: Operator, place: int) -> str | None:
    found = {each.returns for each in _behind(context, operator, place)}
    printed = found.pop() if len(found) == 1 else "?"
    return None if is_polymorphic(printed) else canonical(printed)


def _behind(context: Context, operator: Operator, place: int) -> tuple[Function, ...]:
    schema, name = operator.function
    if schema in SCHEMAS:
        return ()
    count = 1 if operator.left is None else 2
    found = tuple(each for each in context.catalog.functions_named(schema, name) if overloads.takes(each, count))
    if not found:
        raise RefusedError("unknown_function", f"the function {schema}.{name} of an operator is not known", place)
    operands = tuple(each for each in (operator.left, operator.right) if each is not None)
    return tuple(each for each in found if signatures.types(each) == operands) or found
