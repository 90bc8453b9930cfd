"""SELECT, VALUES, TABLE and set operations (analyze.c, transformSelectStmt and its kin)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final

from p0_access.permissions.infer import casts, ctes, expressions, from_clause, node_members, output
from p0_access.permissions.infer.charges import Access, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import MISSING, Columns, Item, Level, type_of
from p0_access.permissions.infer.tree import items, location, opened, string
from p0_access.permissions.parse import Node

FirstArm = Callable[[Columns], None]
"""Told the columns of a set operation's first arm: a recursive WITH query is known by them to the other arms."""


def read_query(context: Context, parent: Level | None, node: Node) -> tuple[Level, Columns]:
    """A SELECT node inside another query: its level and what it offers."""
    kind, members = opened(node)
    if kind != "SelectStmt":
        raise RefusedError("unsupported_statement", f"{kind} cannot stand here")
    return read_select(context, parent, members)


def read_select(
    context: Context, parent: Level | None, node: Node, *, first_arm: FirstArm | None = None
) -> tuple[Level, Columns]:
    """A SelectStmt. What it offers is names only: its cost is charged here."""
    level = Level(parent)
    if "withClause" in node:
        ctes.read_with(context, level, node["withClause"])
    if node["op"] != "SETOP_NONE":
        columns = _set_operation(context, level, node, first_arm)
    elif "valuesLists" in node:
        columns = _values(context, level, node)
    else:
        columns = _plain(context, level, node)
    if "withClause" in node:
        ctes.settle(context, level)
    return level, columns


def _plain(context: Context, level: Level, node: Node) -> Columns:
    from_clause.read_from(context, level, node.get("fromClause", ()))
    level.clause = "select list"
    produced = output.read_targets(context, level, node.get("targetList", ()))
    if "whereClause" in node:
        level.clause = "where"
        expressions.read_expression(context, level, node["whereClause"])
    if not _AFTER_WHERE.isdisjoint(node):
        _after_where(context, level, node, produced)
    return produced


_AFTER_WHERE: Final = frozenset(
    {"havingClause", "sortClause", "groupClause", "distinctClause", "windowClause", "limitOffset", "limitCount"}
    | {"lockingClause"}
)


def _after_where(context: Context, level: Level, node: Node, produced: Columns) -> None:
    if "havingClause" in node:
        level.clause = "having"
        expressions.read_expression(context, level, node["havingClause"])
    _order(context, level, node, produced)
    level.clause = "group by"
    for each in node.get("groupClause", ()):
        _group(context, level, each, produced)
    level.clause = "distinct on"
    for each in node.get("distinctClause", ()):
        if each:  # plain DISTINCT is a list of one empty node
            _by_output(context, level, each, produced)
    level.clause = "window"
    for each in node.get("windowClause", ()):
        node_members.read_window(context, level, each["WindowDef"])
    _limit(context, level, node)
    for each in node.get("lockingClause", ()):
        _lock(context, level, each["LockingClause"])


def _order(context: Context, level: Level, node: Node, produced: Columns) -> None:
    level.clause = "order by"
    for each in node.get("sortClause", ()):
        _by_output(context, level, each["SortBy"]["node"], produced)


def _by_output(context: Context, level: Level, node: Node, produced: Columns) -> None:
    """ORDER BY and DISTINCT ON: a bare name is an output column before it is a column of a table."""
    context.spend(2, location(node))
    name = _bare_name(node)
    if name is None or not produced.offers(name):
        expressions.read_expression(context, level, node)


def _group(context: Context, level: Level, node: Node, produced: Columns) -> None:
    """GROUP BY: a bare name is a column of this query's tables before it is an output column."""
    kind, members = opened(node)
    if kind == "GroupingSet":
        for each in members.get("content", ()):
            _group(context, level, each, produced)
        return
    if kind == "RowExpr" and members.get("row_format") == "COERCE_IMPLICIT_CAST":
        for each in members.get("args", ()):
            _group(context, level, each, produced)
        return
    name = _bare_name(node)
    if name is not None and produced.offers(name) and level.column(name, location(node), local=True) is MISSING:
        return
    expressions.read_expression(context, level, node)


def _bare_name(node: Node) -> str | None:
    kind, members = opened(node)
    if kind != "ColumnRef" or len(members["fields"]) > 1 or "String" not in members["fields"][0]:
        return None
    return string(members["fields"][0])


def _limit(context: Context, level: Level, node: Node) -> None:
    level.clause = "limit"
    for member in ("limitOffset", "limitCount"):
        if member in node:
            expressions.read_expression(context, level, node[member])


def _values(context: Context, level: Level, node: Node) -> Columns:
    level.clause = "values"
    rows: list[list[str | None]] = []
    widths_known = True
    for row in node["valuesLists"]:
        entries, open_ = output.read_row(context, level, items(row))
        rows.append([type_of(target) for _, target in entries])
        widths_known = widths_known and not open_
    types = [casts.unified(context, each, level.clause) for each in itertools.zip_longest(*rows)]
    produced = Columns([(f"column{place}", each) for place, each in enumerate(types, 1)], open_=not widths_known)
    outside, level.items = level.items, [Item("*VALUES*", produced)]
    _order(context, level, node, produced)
    level.items = outside
    _limit(context, level, node)
    return produced


_LEAF_MEMBERS: Final = ("sortClause", "limitCount", "limitOffset", "lockingClause", "withClause")


def _set_operation(context: Context, level: Level, node: Node, first_arm: FirstArm | None) -> Columns:
    """Arms of a UNION are queries of their own; names and order come from the first."""
    first, *others = _arms(node)
    _, produced = read_select(context, level, first)
    if first_arm is not None:
        first_arm(produced)
    arms = [produced, *(read_select(context, level, arm)[1] for arm in others)]
    types = zip(*([type_of(target) for _, target in arm.entries()] for arm in arms), strict=False)
    named = [
        (name, casts.unified(context, each, level.clause))
        for (name, _), each in zip(produced.entries(), types, strict=False)
    ]
    produced = Columns([*named, *produced.entries()[len(named) :]], open_=produced.open)
    if "lockingClause" in node:
        raise RefusedError("unsupported_statement", "FOR UPDATE cannot be used with UNION, INTERSECT or EXCEPT")
    level.items.append(Item("", produced))
    _order(context, level, node, produced)
    level.items.pop()
    _limit(context, level, node)
    return produced


def _arms(node: Node) -> Sequence[Node]:
    """From left to right. Long chains lean left, so the walk does not call itself for those."""
    found: list[Node] = []
    left = node
    while True:
        right = left["rarg"]
        found += reversed(_arms(right)) if _is_chain(right) else [right]
        left = left["larg"]
        if not _is_chain(left):
            found.append(left)
            return found[::-1]


def _is_chain(node: Node) -> bool:
    return node["op"] != "SETOP_NONE" and not any(member in node for member in _LEAF_MEMBERS)


def _lock(context: Context, level: Level, node: Node) -> None:
    """FOR UPDATE and FOR SHARE need UPDATE on any one column of what they lock."""
    wanted = [each["RangeVar"] for each in node.get("lockedRels", ())]
    context.spend((1 + len(wanted)) * len(level.locks) >> 2)
    for table in wanted:
        if all(name != table["relname"] for name, _ in level.locks) and not level.item(table["relname"], None, -1):
            raise RefusedError(
                "unknown_table", f'"{table["relname"]}" in FOR UPDATE is not in FROM', table.get("location", -1)
            )
    chosen = {table["relname"]: table.get("location", -1) for table in wanted}
    for name, locked in level.locks:
        if not chosen or name in chosen:
            lock(context, locked, Reason("for update", chosen.get(name, -1)))


def lock(context: Context, locked: Access | Level, reason: Reason) -> None:
    if isinstance(locked, Level):
        for _, each in locked.locks:
            lock(context, each, reason)
        return
    context.writes = True
    locked.require("UPDATE", reason)
    for beneath in locked.covers:
        lock(context, beneath, reason)
