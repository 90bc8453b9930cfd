"""INSERT, UPDATE and DELETE (analyze.c, transformInsertStmt and its kin)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from p0_access.permissions.builtin import SCHEMAS
from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import (
    casts,
    ctes,
    expressions,
    from_clause,
    merge,
    names,
    output,
    rules,
    select,
    stored,
    view_writes,
)
from p0_access.permissions.infer.charges import Charges, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Item, Level, RelationColumns, type_of
from p0_access.permissions.infer.tree import items, opened
from p0_access.permissions.parse import Node

_WRITABLE: Final = frozenset({"table", "partitioned", "foreign", "view"})


def read_modifying(context: Context, parent: Level | None, kind: str, node: Node) -> Columns:
    """A statement that writes, at the top or in WITH: what its RETURNING offers."""
    if kind == "MergeStmt":
        return merge.read_merge(context, parent, node)
    reader = {"InsertStmt": _insert, "UpdateStmt": _update, "DeleteStmt": _delete}.get(kind)
    if reader is None:
        raise RefusedError("unsupported_statement", f"{kind.removesuffix('Stmt').upper()} is not understood here")
    writes, reached, lastval = context.writes, dict(context.reached), context.session.lastval
    try:
        return _read(context, parent, reader, node)
    except rules.DoesNothingError as found:
        nothing = str(found)
    if parent is not None or context.as_owner or "returningClause" in node:
        raise RefusedError("rule", nothing, node["relation"].get("location", 0), "Leave the statement out.")
    context.warn("does_nothing", nothing)
    context.inert = True
    with context.charging(Charges()):  # its names are looked up, and that is all
        columns = _read(context, parent, reader, node)
    context.inert = False
    context.writes, context.reached, context.session.lastval = writes, reached, lastval
    return columns


Reader = Callable[[Context, Level, Node], Columns]


def _read(context: Context, parent: Level | None, reader: Reader, node: Node) -> Columns:
    context.writes = True
    level = Level(parent)
    if "withClause" in node:
        ctes.read_with(context, level, node["withClause"])
    columns = reader(context, level, node)
    if "withClause" in node:
        ctes.settle(context, level)
    return columns


class Target:
    """The table that is written: its mention, and how the statement calls it. `replaced`: by a rule's actions, so that
    the statement itself writes nothing."""

    __slots__ = ("_context", "access", "item", "place", "replaced")

    def __init__(self, context: Context, node: Node, clause: str) -> None:
        self._context = context
        context.spend(8, node.get("location", 0))
        found = names.relation(context, node, clause)
        self.place: int = node.get("location", 0)
        check_writable(found, clause.upper(), self.place)
        if found.rules and clause == "merge":
            raise RefusedError("rule", "MERGE cannot write to what has rewrite rules", self.place)
        self.replaced = found.rules and rules.apply(context, found, clause.upper(), self.place)
        if found.kind == "view" and not self.replaced and clause != "merge":
            view_writes.check_rules(context, found, clause.upper(), self.place)
        self.access = names.access(context, found, self.place)
        alias = node.get("alias", {}).get("aliasname")
        self.item = Item(alias or found.name, RelationColumns(self.access), schema=None if alias else found.schema)

    @property
    def relation(self) -> Relation:
        return self.access.relation

    @property
    def stores(self) -> bool:
        """Whether a row is written to the very table."""
        return self.relation.kind != "view" and not self.replaced

    def require(self, privilege: str, clause: str) -> None:
        self.access.require(privilege, Reason(clause, self.place))

    def write(self, privilege: str, column: str, clause: str, place: int) -> None:
        """INSERT or UPDATE of one column, which must exist."""
        known = self.access.known
        if column not in known:
            raise RefusedError(
                "unknown_column",
                f'column "{self.relation.name}.{column}" does not exist',
                place,
                self._context.did_you_mean(column, known),
            )
        self.access.column(privilege, column, Reason(clause, place))

    def store(self, column: str, value: Columns | str | None, clause: str, place: int) -> None:
        """A value becomes one of the column's type."""
        known = self.access.known.get(column)
        if known is not None:
            casts.convert(self._context, value, known.type, clause, place, casts.ASSIGNMENT)


def check_writable(found: Relation, verb: str, place: int) -> None:
    """Refuses what PostgreSQL would run more for than the statement says."""
    name = f"{found.schema}.{found.name}"
    if found.schema in SCHEMAS:
        raise RefusedError("unsupported_statement", f"{verb} on the system catalog", place)
    if found.kind not in _WRITABLE:
        raise RefusedError("unsupported_statement", f"{verb} on {name}, which is a {found.kind}", place)


def _insert(context: Context, level: Level, node: Node) -> Columns:
    target = Target(context, node["relation"], "insert")
    target.require("INSERT", "insert")
    listed = node.get("cols")
    targets: list[tuple[str, int]] = [
        (each["ResTarget"]["name"], each["ResTarget"].get("location", 0)) for each in listed or ()
    ]
    if not listed:
        targets = [(each.name, target.place) for each in target.relation.columns]
    defaulted: set[str] = set()
    width = 0
    if "selectStmt" in node:
        width = _read_source(
            context, level, target, node["selectStmt"]["SelectStmt"], targets, defaulted, known=bool(listed)
        )
    if listed and "selectStmt" in node and width < len(targets):
        raise RefusedError("syntax_error", "INSERT has more target columns than expressions", target.place)
    for name, place in targets[:width]:
        target.write("INSERT", name, "insert column", place)
    written = {name for name, _ in targets[:width]}
    if target.stores:
        stored.charge_insert(context, target.relation, written - defaulted, target.place)
    elif target.replaced:
        stored.charge_defaults(context, target.relation, written - defaulted, target.place)
    changed: tuple[set[str], set[str]] | None = None
    if "onConflictClause" in node:
        changed = _on_conflict(context, level, target, node["onConflictClause"])
    returned = _returning(context, level, target, node)
    charge_beneath(context, target, "INSERT", written, defaulted)
    if changed is not None:
        charge_beneath(context, target, "UPDATE", *changed)
    return returned


def charge_beneath(
    context: Context, target: Target, verb: str, written: Iterable[str], defaulted: Iterable[str]
) -> None:
    """What a write through a view needs on the table beneath."""
    if target.relation.kind == "view" and not target.replaced:
        reads = target.access.requires("SELECT")
        write = view_writes.Write(verb, frozenset(written), frozenset(defaulted), reads, target.place)
        view_writes.charge(context, target.relation, write)


def _read_source(
    context: Context,
    level: Level,
    target: Target,
    source: Node,
    targets: Sequence[tuple[str, int]],
    defaulted: set[str],
    *,
    known: bool,
) -> int:
    """VALUES or a query: how many columns it gives; adds those of which some row says DEFAULT."""
    if "valuesLists" in source:
        for row in source["valuesLists"]:
            for (name, _), value in zip(targets, items(row), strict=False):
                if "SetToDefault" in value:
                    defaulted.add(name)
    outside, level.items = level.items, []
    _, columns = select.read_select(context, level, source)
    level.items = outside
    for (name, place), (_, value) in zip(targets, columns.entries() if context.catalog.casts else (), strict=False):
        target.store(name, type_of(value), "insert column", place)
    if columns.open:
        if not known:  # only the run tells how many columns it gives: all are written, all may get their default
            defaulted.update(name for name, _ in targets)
        return len(targets)
    return len(columns.entries())


def _on_conflict(context: Context, level: Level, target: Target, node: Node) -> tuple[set[str], set[str]] | None:
    """The arbiter's columns are read; DO UPDATE sees the row that is there and, as `excluded`, the one that is not.
    What it changes, as `read_set` tells it."""
    level.clause = "on conflict"
    changed: tuple[set[str], set[str]] | None = None
    outside, level.items = level.items, [target.item]
    infer = node.get("infer", {})
    for each in infer.get("indexElems", ()):
        element = each["IndexElem"]
        if "name" in element:
            column = {"ColumnRef": {"fields": [{"String": {"sval": element["name"]}}], "location": infer["location"]}}
            expressions.read_expression(context, level, column)
        else:
            expressions.read_expression(context, level, element["expr"])
    if "whereClause" in infer:
        expressions.read_expression(context, level, infer["whereClause"])
    if "conname" in infer:
        _charge_constraint(context, target, infer["conname"], infer.get("location", 0))
    if node["action"] == "ONCONFLICT_UPDATE":
        target.require("UPDATE", "on conflict")
        excluded = names.access(context, target.relation, target.place)
        level.items = [target.item, Item("excluded", RelationColumns(excluded))]
        changed = read_set(context, level, target, node["targetList"])
        if "whereClause" in node:
            level.clause = "on conflict"
            expressions.read_expression(context, level, node["whereClause"])
    level.items = outside
    return changed


def _charge_constraint(context: Context, target: Target, name: str, place: int) -> None:
    found = next((each for each in target.relation.constraints if each.name == name), None)
    if found is None or not (found.columns or found.kind == "exclude"):
        known = (each.name for each in target.relation.constraints)
        hint = context.did_you_mean(name, known)
        raise RefusedError("unknown_constraint", f'constraint "{name}" is not known', place, hint)
    if found.definition.count(" WITH ") > len(found.columns):  # an expression in it counts as the whole row
        target.access.whole(Reason("on conflict", place))
    for column in found.columns:
        target.require("SELECT", "on conflict")
        target.access.column("SELECT", column, Reason("on conflict", place))


def read_set(context: Context, level: Level, target: Target, nodes: Iterable[Node]) -> tuple[set[str], set[str]]:
    """SET of UPDATE, ON CONFLICT and MERGE: the columns written, and those set to their default."""
    written: set[str] = set()
    defaulted: set[str] = set()
    for _, each in map(opened, nodes):
        name = each["name"]
        target.write("UPDATE", name, "set", each.get("location", 0))
        written.add(name)
        level.clause = "set"
        for index in each.get("indirection", ()):
            if "A_Indices" in index:
                expressions.read_expression(context, level, index)
        kind, value = opened(each["val"])
        if kind == "SetToDefault":
            defaulted.add(name)
        elif kind != "MultiAssignRef":
            value_read = expressions.read_expression(context, level, each["val"])
            if "indirection" not in each:
                target.store(name, value_read, "set", each.get("location", 0))
        elif value.get("colno") == 1:  # every column of (a, b) = … carries the whole source
            expressions.read_expression(context, level, value["source"])
        if kind == "MultiAssignRef" and _says_default(value):
            defaulted.add(name)
    if target.stores:
        stored.charge_update(context, target.relation, written, defaulted, target.place)
    return written, defaulted


def _says_default(value: Node) -> bool:
    """Whether this column's part of `(a, b) = ROW (…, DEFAULT)` is DEFAULT."""
    row = value["source"].get("RowExpr", {}).get("args", ())
    place = value["colno"] - 1
    return place < len(row) and "SetToDefault" in row[place]


def _update(context: Context, level: Level, node: Node) -> Columns:
    target = Target(context, node["relation"], "update")
    target.require("UPDATE", "update")
    _read_others(context, level, target, node.get("fromClause", ()))
    written, defaulted = read_set(context, level, target, node["targetList"])
    _where(context, level, node)
    returned = _returning(context, level, target, node)
    charge_beneath(context, target, "UPDATE", written, defaulted)
    return returned


def _delete(context: Context, level: Level, node: Node) -> Columns:
    target = Target(context, node["relation"], "delete")
    target.require("DELETE", "delete")
    _read_others(context, level, target, node.get("usingClause", ()))
    _where(context, level, node)
    returned = _returning(context, level, target, node)
    if target.stores:
        stored.charge_delete(context, target.relation, target.place)
    charge_beneath(context, target, "DELETE", (), ())
    return returned


def _read_others(context: Context, level: Level, target: Target, nodes: Sequence[Node]) -> None:
    """FROM of UPDATE and USING of DELETE do not see the target; everything after them does."""
    from_clause.read_from(context, level, nodes)
    level.items.insert(0, target.item)


def _where(context: Context, level: Level, node: Node) -> None:
    if "whereClause" in node:
        level.clause = "where"
        expressions.read_expression(context, level, node["whereClause"])


def _returning(context: Context, level: Level, target: Target, node: Node) -> Columns:
    """RETURNING sees the target (and what FROM joined), and since PostgreSQL 18 the row before and after."""
    clause = node.get("returningClause")
    if clause is None:
        return Columns(())
    return read_returning(context, level, target, clause)


def read_returning(context: Context, level: Level, target: Target, clause: Node) -> Columns:
    if target.item not in level.items:
        level.items = [target.item, *level.items]
    versions = {"RETURNING_OPTION_OLD": "old", "RETURNING_OPTION_NEW": "new"}
    for each in clause.get("options", ()):
        versions[each["ReturningOption"]["option"]] = each["ReturningOption"]["value"]
    taken = {item.name for item in level.items}
    for name in versions.values():
        if name not in taken:
            version = Item(name, target.item.columns)
            version.columns_visible = False
            level.items.append(version)
    level.clause = "returning"
    return output.read_targets(context, level, clause["exprs"])
