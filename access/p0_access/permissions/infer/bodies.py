"""What stands in the catalog and runs along: definitions of views, bodies of functions, stored expressions.

A body is read once for a catalog, by the same rules as the statement itself, and charged to whoever PostgreSQL runs it
as. Names in stored expressions and views were resolved when they were made, so they cost no USAGE on schemas; those in
the text of a function are resolved when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, cast

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Function, Relation
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import expressions, plpgsql, select, signatures, statements
from p0_access.permissions.infer.charges import Access, Charges, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.names import find_relation, qualified
from p0_access.permissions.infer.scope import Columns, Item, Level
from p0_access.permissions.parse import Node, Statement, parse
from p0_access.permissions.places import Places
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH

T = TypeVar("T")

_ATOMIC: Final = "begin atomic"

# Why a view may be unreadable without its reader being concerned: its tables are its owner's affair. Functions in it
# are not, since they run as whoever reads.
_OWNERS_AFFAIR: Final = frozenset({"unknown_table", "unknown_type", "view_definition", "restricted_catalog"})


class Body:
    """A body that was read: `context` holds what it costs, `locks` the relations it reads from, for FOR UPDATE."""

    __slots__ = ("context", "locks")

    def __init__(self, context: Context, locks: tuple[Relation, ...] = ()) -> None:
        self.context = context
        self.locks = locks


def expand_view(context: Context, mention: Access, reason: Reason) -> None:
    """What reading a view costs besides the view: all it reads if it is a security_invoker view, else its owner's."""
    view = mention.relation
    if view.security_invoker:
        body = _view(context, view, reason.location, as_owner=context.as_owner)
        _charge(context, body, reason)
        mention.covers = tuple(Access(each) for each in body.locks)
        for each in mention.covers:
            context.charges.mention(each)
        return
    try:
        body = _view(context, view, reason.location, as_owner=True)
    except RefusedError as error:
        if error.code not in _OWNERS_AFFAIR:
            raise
        context.warn("reach_unknown", f"what the view {view.schema}.{view.name} reads is not known: {error}")
        return
    _reach(context, body)
    context.callers.absorb_at(body.context.callers, reason)
    _pass_on(context, body)


def expand_function(context: Context, function: Function, clause: str, place: int) -> None:
    """What the body of an invoker's function costs its caller."""
    if context.stack and context.stack[-1] == f"function {signatures.signature(function)}":
        return  # a function that calls itself needs what it needs
    body = _function(context, function, place)
    reason = Reason(clause, place)
    context.callers.absorb_at(body.context.charges, reason)
    context.usages.absorb_at(body.context.usages, reason)
    _pass_on(context, body)
    context.reached.update(body.context.reached)


def reach_function(context: Context, function: Function) -> None:
    """What the body of a SECURITY DEFINER function does with its owner's rights, as far as it can be told."""
    try:
        body = _function(context, function, -1)
    except RefusedError as error:
        label = signatures.signature(function)
        context.warn("reach_unknown", f"what {label} does with its owner's rights is not known: {error}")
        return
    _reach(context, body)
    _pass_on(context, body)


def expand_expression(context: Context, text: str, relation: Relation | None, clause: str, place: int) -> None:
    """What a stored expression costs whoever runs it: a default, a check, a generated column."""
    if not _may_cost(context, text):
        return
    body = _expression(context, text, relation, place)
    context.callers.absorb_at(body.context.charges, Reason(clause, place))
    _pass_on(context, body)
    context.reached.update(body.context.reached)


def _may_cost(context: Context, text: str) -> bool:
    """Most stored expressions use nothing but built-in functions: those are not worth parsing."""
    names: tuple[str, ...] = _remembered(
        context,
        ("own functions",),
        lambda: ("nextval", *dict.fromkeys(each.name for each in context.catalog.functions)),
    )
    return any(each in text for each in names)


def _charge(context: Context, body: Body, reason: Reason) -> None:
    context.charges.absorb_at(body.context.charges, reason)
    if context.callers is not context.charges:
        context.callers.absorb_at(body.context.callers, reason)
    _pass_on(context, body)
    context.reached.update(body.context.reached)


def _reach(context: Context, body: Body) -> None:
    context.reached.update(dict.fromkeys(body.context.charges.collect()))
    context.reached.update(body.context.reached)


def _pass_on(context: Context, body: Body) -> None:
    context.writes = context.writes or body.context.writes
    for warning in body.context.warnings:
        context.warn(warning.code, warning.message)


def _view(context: Context, view: Relation, place: int, *, as_owner: bool) -> Body:
    name = f"{view.schema}.{view.name}"

    def read() -> Body:
        inner = Context(
            context.catalog,
            DEFAULT_SEARCH_PATH,
            stack=context.enter(f"view {name}", place),
            as_owner=as_owner,
            session_path=context.session_path,
        )
        level, _ = select.read_select(inner, None, view_query(view, place))
        return Body(inner, tuple(_locked(level)))

    return _remembered(
        context, ("view", view.schema, view.name, str(as_owner), *context.session_path), read, place=place
    )


def view_query(view: Relation, place: int) -> Node:
    """The SelectStmt of a view's definition."""
    name = f"{view.schema}.{view.name}"
    if view.definition is None:
        raise RefusedError("view_definition", f"the definition of {name} is not known", place)
    (statement,) = _parsed(name, view.definition, place)
    return statement.node


def _locked(level: Level) -> list[Relation]:
    found: list[Relation] = []
    for _, each in level.locks:
        if isinstance(each, Level):
            found += _locked(each)
        else:
            found += [each.relation, *(beneath.relation for beneath in each.covers)]
    return found


def _function(context: Context, function: Function, place: int) -> Body:
    name = signatures.signature(function)
    if function.body is None or function.language not in ("sql", "plpgsql"):
        raise RefusedError(
            "function_body",
            f"what {name} does is not known: its body ({function.language}) is not analysed",
            place,
            "Ask for a role, or have it made SECURITY DEFINER by its owner.",
        )
    text = function.body
    path = _pinned_path(function) or context.session_path

    def read() -> Body:
        stack = context.enter(f"function {name}", place)
        inner = Context(context.catalog, path, stack=stack, parameters=signatures.parameter_names(function))
        try:
            if function.language == "plpgsql":
                _read_plpgsql_body(inner, name, text, place)
            else:
                _read_sql_body(inner, name, text, place)
        except RefusedError as error:
            raise _in_function(name, error, place) from error
        return Body(inner)

    return _remembered(context, ("function", function.schema, name, *path), read, place=place)


def _in_function(name: str, error: RefusedError, place: int) -> RefusedError:
    if error.code == "function_body":
        return RefusedError("function_body", str(error), place, error.hint)
    return RefusedError("function_body", f"what {name} does is not known: {error}", place, error.hint)


def _pinned_path(function: Function) -> tuple[str, ...]:
    for each in function.settings:
        setting, _, value = each.partition("=")
        if setting.strip().lower() == "search_path":
            return tuple(part.strip().strip("\"'") for part in value.split(",") if part.strip().strip("\"'"))
    return ()


def _read_sql_body(inner: Context, name: str, text: str, place: int) -> None:
    """A body in quotes is text until it runs; one in BEGIN ATOMIC or RETURN was resolved when it was made."""
    stripped = text.strip()
    lowered = stripped.lower()
    if lowered.startswith(_ATOMIC):
        stripped = stripped[len(_ATOMIC) :].rstrip()[: -len("end")]
    elif lowered.startswith("return "):
        stripped = f"SELECT {stripped[len('return ') :]}"
    for statement in _parsed(name, stripped, place):
        statements.read_statement(inner, statement.kind, statement.node)
    if stripped != text.strip():
        inner.usages = Charges()


def _read_plpgsql_body(inner: Context, name: str, text: str, place: int) -> None:
    try:
        taken_apart = plpgsql.read_body(text)
    except ReadingError as error:
        raise RefusedError("function_body", f"{name} cannot be read: {error}", place) from error
    except RefusedError as error:
        raise RefusedError(error.code, f"what {name} does is not known: {error}", place, error.hint) from error
    inner.parameters |= taken_apart.variables
    for each in taken_apart.types:
        _read_type(inner, name, each, place)
    for each in taken_apart.expressions:
        for statement in _parsed(name, f"SELECT {each}", place):
            statements.read_statement(inner, statement.kind, statement.node)
    for each in taken_apart.statements:
        for statement in _parsed(name, each, place):
            statements.read_statement(inner, statement.kind, statement.node)


def _read_type(inner: Context, name: str, text: str, place: int) -> None:
    """The type of a variable: a name looked up in a schema, or a relation's column or row."""
    plain = text.rstrip("[] ")
    lowered = plain.lower()
    for suffix in ("%type", "%rowtype"):
        if lowered.endswith(suffix):
            parts = qualified(plain[: -len(suffix)]) or ()
            if suffix == "%type":
                parts = parts[:-1]
            if parts and parts[0] not in inner.parameters:
                find_relation(inner, parts[-2] if len(parts) > 1 else None, parts[-1], "variable", place)
            return
    if lowered in ("record", "refcursor"):
        return
    for statement in _parsed(name, f"SELECT NULL::{text}", place):
        statements.read_statement(inner, statement.kind, statement.node)


def _expression(context: Context, text: str, relation: Relation | None, place: int) -> Body:
    stripped = text.strip()
    if stripped.upper().startswith("CHECK"):
        stripped = stripped[len("CHECK") :].removesuffix(" NOT VALID").removesuffix(" NO INHERIT")

    def read() -> Body:
        stack = context.enter(f"expression {text}", place)
        inner = Context(context.catalog, DEFAULT_SEARCH_PATH, stack=stack, session_path=context.session_path)
        inner.parameters = frozenset({"value"})
        (statement,) = _parsed("a stored expression", f"SELECT ({stripped})", place)
        level = Level(None)
        if relation is not None:
            level.items.append(Item(relation.name, Columns([(each.name, None) for each in relation.columns])))
        for target in statement.node["targetList"]:
            expressions.read_expression(inner, level, target["ResTarget"]["val"])
        return Body(inner)

    table = f"{relation.schema}.{relation.name}" if relation is not None else ""
    return _remembered(context, ("expression", text, table, *context.session_path), read, place=place)


def _parsed(name: str, text: str, place: int) -> tuple[Statement, ...]:
    try:
        return parse(guard(text), Places(text))
    except ReadingError as error:
        raise RefusedError("function_body", f"{name} cannot be read: {error}", place) from error


def _remembered(context: Context, key: tuple[str, ...], read: Callable[[], T], *, place: int = -1) -> T:
    """What `read` yields, or refuses, once for a catalog."""
    memory = context.catalog.memory
    if key not in memory:
        try:
            memory[key] = read()
        except RefusedError as error:
            memory[key] = error
    found = memory[key]
    if isinstance(found, RefusedError):
        raise RefusedError(found.code, str(found), place, found.hint)
    return cast("T", found)
