"""Reads what stands in the catalog and runs along: definitions of views, bodies of functions, stored expressions.

Each is read once for a catalog, by the same rules as the statement that uses it, into a `Body`; who pays for it is
decided in `bodies`. A body that uses itself, directly or through others, needs nothing more for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar, cast

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Function, Relation
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import (
    casts,
    expressions,
    plpgsql,
    plpgsql_body,
    policies,
    select,
    settings,
    signatures,
    statements,
)
from p0_access.permissions.infer.charges import Charges
from p0_access.permissions.infer.context import Context, Fired, Meter, RefusedError, refuse_unreadable
from p0_access.permissions.infer.names import find_relation, qualified
from p0_access.permissions.infer.scope import Columns, Item, Level
from p0_access.permissions.infer.tree import opened
from p0_access.permissions.infer.types import canonical
from p0_access.permissions.parse import Node, Statement, parse
from p0_access.permissions.places import Places
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH

T = TypeVar("T")

_IN_PATH: Final = re.compile(r'"(?:[^"]|"")*"|[^\s,"]+')
_ATOMIC: Final = "begin atomic"
_A_BODY: Final = 40
"""Steps that reading each takes, whatever is in it."""
_STEP_BITS: Final = 2
"""Of the length of a text: four characters are parsed in a step."""


class Body:
    """A body that was read: `context` holds what it costs, `locks` the relations it reads from, for FOR UPDATE, and
    `weight` is how many things it costs or reaches."""

    __slots__ = ("context", "locks", "weight")

    def __init__(self, context: Context, locks: tuple[Relation, ...] = ()) -> None:
        self.context = context
        self.locks = locks
        self.weight = context.charges.weight() + len(context.reached) + len(locks)


class Read(NamedTuple):
    """What reading a body came to, the steps it took, and the keys of the bodies behind it."""

    outcome: Body | RefusedError
    steps: int
    behind: tuple[tuple[str, ...], ...]


class Query(NamedTuple):
    """A view's, parsed: the rest as in `Read`."""

    node: Node
    steps: int
    behind: tuple[tuple[str, ...], ...]


def view(context: Context, relation: Relation, place: int, *, as_owner: bool) -> Body:
    """A view's definition; `as_owner` if its owner is charged for its tables."""
    name = f"view {relation.schema}.{relation.name}"

    def read(inner: Context) -> Body:
        inner.spend(len(relation.definition or "") >> _STEP_BITS)
        inner.view = relation if as_owner else None
        level, _ = select.read_select(inner, None, view_query(relation, place))
        policies.charge_all(inner)
        locked = {(each.schema, each.name): each for each in _locked(level)}
        return Body(inner, tuple(locked.values()))

    key = (name, str(as_owner), *context.session_path)
    return _body(context, name, key, place, read, path=DEFAULT_SEARCH_PATH, as_owner=as_owner)


def kept_view_query(context: Context, relation: Relation, place: int) -> Node:
    """`view_query`, parsed once for a catalog."""
    key = (f"query of {relation.schema}.{relation.name}",)
    found = context.catalog.memory.get(key)
    if isinstance(found, Query):
        _count(context, key, place)
        return found.node
    with Meter(context.effort) as meter:
        context.spend(len(relation.definition or "") >> _STEP_BITS, place)
        found = Query(view_query(relation, place), meter.steps, ())
    context.catalog.memory[key] = found
    meter.counted(key)
    return found.node


def view_query(relation: Relation, place: int) -> Node:
    """The SelectStmt of a view's definition."""
    name = f"{relation.schema}.{relation.name}"
    if relation.definition is None:
        raise RefusedError("view_definition", f"the definition of {name} is not known", place)
    (statement,) = _parsed(name, relation.definition, place)
    return statement.node


def _locked(level: Level) -> list[Relation]:
    found: list[Relation] = []
    for _, each in level.locks:
        if isinstance(each, Level):
            found += _locked(each)
        else:
            found += [each.relation, *(beneath.relation for beneath in each.covers)]
    return found


def function(context: Context, called: Function, place: int, *, fired: Fired | None = None) -> Body:
    """A function's body, in SQL or PL/pgSQL; refuses others. `fired` is set for a trigger's."""
    refuse_unreadable(called, place)
    name = signatures.signature(called)
    if called.body is None or called.language not in ("sql", "plpgsql"):
        raise RefusedError(
            "function_body",
            f"what {name} does is not known: its body ({called.language}) is not analysed",
            place,
            "Ask for a role, or have it made SECURITY DEFINER by its owner.",
        )
    text = called.body
    pinned = _pinned_path(called)
    path = context.session_path if pinned is None else pinned

    def read(inner: Context) -> Body:
        inner.spend(len(text) >> _STEP_BITS)
        inner.parameters = signatures.parameters(called)
        inner.fired = fired
        try:
            for each in called.settings:
                setting, _, value = each.partition("=")
                settings.check_pinned(setting, value)
            if called.language == "plpgsql":
                if called.returns == "trigger":
                    inner.parameters |= plpgsql_body.TRIGGER_VARIABLES
                elif called.returns == "event_trigger":
                    inner.parameters |= plpgsql_body.EVENT_TRIGGER_VARIABLES
                _read_plpgsql(inner, name, text, place, fired.event if fired is not None else None)
            else:
                _read_sql(inner, name, text, place)
        except RefusedError as error:
            raise _in_function(name, error, place) from error
        return Body(inner)

    by = () if fired is None else (fired.event, fired.table.schema, fired.table.name, *sorted(fired.transition))
    return _body(
        context, " ".join(("function", name, *by)), ("function", name, *by, "on", *path), place, read, path=path
    )


def rule(context: Context, relation: Relation, name: str, node: Node, place: int) -> Body:
    """A rewrite rule of a relation: its condition and its actions, whose relations are the owner's affair."""
    label = f"rule {relation.schema}.{relation.name} {name}"

    def read(inner: Context) -> Body:
        inner.fired = Fired(node["event"].removeprefix("CMD_").lower(), relation, frozenset())
        inner.parameters = dict.fromkeys(("new", "old"))
        if "whereClause" in node:
            expressions.read_expression(inner, Level(None), node["whereClause"])
        for kind, action in map(opened, node.get("actions", ())):
            statements.read_statement(inner, kind, action)
        return Body(inner)

    key = (label, *context.session_path)
    return _body(context, label, key, place, read, path=DEFAULT_SEARCH_PATH, as_owner=True)


def owners(context: Context, name: str, run: Callable[[Context], None]) -> Body:
    """What `run` charges when an owner runs it, named `name` after all that it depends on."""

    def read(inner: Context) -> Body:
        run(inner)
        return Body(inner)

    return _body(context, name, (name, *context.session_path), -1, read, path=DEFAULT_SEARCH_PATH)


def expression(
    context: Context,
    text: str,
    relation: Relation | None,
    place: int,
    *,
    value: str | None = None,
    view: Relation | None = None,
) -> Body:
    """A stored expression over a relation's columns, VALUE of a domain over the type `value`, or NEW and OLD of a
    trigger; of a policy that binds the owner of `view`, relations are checked against the owner."""
    stripped = text.strip()
    if stripped.upper().startswith("CHECK"):
        stripped = stripped[len("CHECK") :].removesuffix(" NOT VALID").removesuffix(" NO INHERIT")

    def read(inner: Context) -> Body:
        inner.parameters = {"value": value, "new": None, "old": None}
        (statement,) = _parsed("a stored expression", f"SELECT ({stripped})", place)
        level = Level(None)
        if relation is not None:
            level.items.append(
                Item(relation.name, Columns([(each.name, canonical(each.type)) for each in relation.columns]))
            )
        for target in statement.node["targetList"]:
            expressions.read_expression(inner, level, target["ResTarget"]["val"])
        inner.view = view
        policies.charge_all(inner)
        return Body(inner)

    table = f"{relation.schema}.{relation.name}" if relation is not None else ""
    name = f"expression {table}{value or ''} {text}"
    key = (name, *(() if view is None else ("of", view.owner, str(view.above_policies))), *context.session_path)
    return _body(context, name, key, place, read, path=DEFAULT_SEARCH_PATH, as_owner=view is not None)


def _body(
    context: Context,
    name: str,
    key: tuple[str, ...],
    place: int,
    read: Callable[[Context], Body],
    *,
    path: tuple[str, ...],
    as_owner: bool = False,
) -> Body:
    """Reads a body in a context of its own, once for a catalog. Inside itself it is empty; what was read there then
    lacks something, and is not kept."""
    found = context.catalog.memory.get(key, context.partial.get(key))
    if isinstance(found, Read):
        _count(context, key, place)
    else:
        inner = context.enter(name, place, path, as_owner=as_owner)
        if inner is None:
            return Body(Context(context.catalog, path))
        with Meter(context.effort) as meter:
            inner.spend(_A_BODY, place)
            try:
                outcome: Body | RefusedError = read(inner)
            except RefusedError as error:
                outcome = error
        found = Read(outcome, meter.steps, tuple(meter.behind))
        if context.leave(name):
            context.catalog.memory[key] = found
            meter.counted(key)
        else:
            context.partial[key] = found
            meter.dissolved()
    if isinstance(found.outcome, RefusedError):
        raise RefusedError(found.outcome.code, str(found.outcome), place, found.outcome.hint)
    context.spend(found.outcome.weight, place)
    return found.outcome


def _count(context: Context, key: tuple[str, ...], place: int) -> None:
    """A body that was read for another text takes as many steps as if it were read for this one, with all that is
    behind it: a text is refused, or not, whatever was read before it."""
    effort, memory = context.effort, context.catalog.memory
    if key not in memory:
        return
    before = effort.steps
    queue = [] if key in effort.paid else [key]
    while queue:
        one = queue.pop()
        known = memory.get(one)
        if one not in effort.paid and isinstance(known, (Read, Query)):
            effort.paid.add(one)
            context.spend(known.steps, place)
            queue += known.behind
    if effort.metering is not None:
        effort.metering.behind.append(key)
        effort.metering.others += before - effort.steps


def remembered(context: Context, key: str, read: Callable[[], T]) -> T:
    """What `read` yields, worked out once for a catalog."""
    memory = context.catalog.memory
    if (key,) not in memory:
        memory[key,] = read()
    return cast("T", memory[key,])


def _in_function(name: str, error: RefusedError, place: int) -> RefusedError:
    if error.code == "function_body":
        return RefusedError("function_body", str(error), place, error.hint)
    return RefusedError("function_body", f"what {name} does is not known: {error}", place, error.hint)


def _pinned_path(called: Function) -> tuple[str, ...] | None:
    """The search path that a function sets while it runs; empty is one, too."""
    for each in called.settings:
        setting, _, value = each.partition("=")
        if setting.strip().lower() == "search_path":
            parts = (each[1:-1].replace('""', '"') if each[0] == '"' else each for each in _IN_PATH.findall(value))
            return tuple(each for each in parts if each)
    return None


def _read_sql(inner: Context, name: str, text: str, place: int) -> None:
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


def _read_plpgsql(inner: Context, name: str, text: str, place: int, event: str | None) -> None:
    try:
        taken_apart = plpgsql.read_body(text, event)
    except ReadingError as error:
        raise RefusedError("function_body", f"{name} cannot be read: {error}", place) from error
    except RefusedError as error:
        raise RefusedError(error.code, f"what {name} does is not known: {error}", place, error.hint) from error
    if taken_apart.dynamic:  # $1 may be of USING
        inner.parameters = {key: type_ for key, type_ in inner.parameters.items() if not key.startswith("$")}
    inner.parameters |= dict.fromkeys(taken_apart.variables)
    types = {each: _read_type(inner, name, each, place) for each in taken_apart.types}
    for variable, type_ in taken_apart.variables.items():
        inner.parameters[variable] = types.get(type_)
    for each in taken_apart.statements:
        for statement in _parsed(name, each, place):
            statements.read_statement(inner, statement.kind, statement.node)


def _read_type(inner: Context, name: str, text: str, place: int) -> str | None:
    """The type of a variable: a name looked up in a schema, or a relation's column or row. None for a row, or what is
    not known."""
    plain = text.rstrip("[] ")
    lowered = plain.lower()
    for suffix in ("%type", "%rowtype"):
        if lowered.endswith(suffix):
            return _copied(inner, qualified(plain[: -len(suffix)]) or (), place, row=suffix == "%rowtype")
    if lowered in ("record", "refcursor"):
        return None
    found: str | None = None
    for statement in _parsed(name, f"SELECT NULL::{text}", place):
        level = Level(None)
        for target in statement.node["targetList"]:
            value = expressions.read_expression(inner, level, target["ResTarget"]["val"])
            found = value if isinstance(value, str) else None
    return found


def _copied(inner: Context, parts: tuple[str, ...], place: int, *, row: bool) -> str | None:
    """`table%ROWTYPE`, `table.column%TYPE`, `variable%TYPE`."""
    *of_table, last = parts if not row else (*parts, "")
    if not of_table or of_table[0] in inner.parameters:
        return None
    found = find_relation(inner, of_table[-2] if len(of_table) > 1 else None, of_table[-1], "variable", place)
    for each in found.columns:
        if row or each.name == last:
            casts.check_domains(inner, each.type, "variable", place)
    return next((canonical(each.type) for each in found.columns if each.name == last), None)


def _parsed(name: str, text: str, place: int) -> tuple[Statement, ...]:
    try:
        return parse(guard(text), Places(text))
    except ReadingError as error:
        raise RefusedError("function_body", f"{name} cannot be read: {error}", place) from error
