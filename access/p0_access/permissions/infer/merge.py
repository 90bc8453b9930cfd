"""MERGE (parse_merge.c)."""

from __future__ import annotations

from typing import Final

from p0_access.permissions.infer import ctes, dml, expressions, from_clause, stored
from p0_access.permissions.infer.context import Context
from p0_access.permissions.infer.scope import Columns, Level
from p0_access.permissions.infer.tree import opened
from p0_access.permissions.parse import Node

_SEES_TARGET: Final = frozenset({"MERGE_WHEN_MATCHED", "MERGE_WHEN_NOT_MATCHED_BY_SOURCE"})
_SEES_SOURCE: Final = frozenset({"MERGE_WHEN_MATCHED", "MERGE_WHEN_NOT_MATCHED_BY_TARGET"})


def read_merge(context: Context, parent: Level | None, node: Node) -> Columns:
    """Each WHEN clause needs the privilege of what it does, and sees the rows that exist there."""
    context.writes = True
    level = Level(parent)
    if "withClause" in node:
        ctes.read_with(context, level, node["withClause"])
    target = dml.Target(context, node["relation"], "merge")
    from_clause.read_from(context, level, [node["sourceRelation"]])
    source = list(level.items)
    level.items = [target.item, *source]
    level.clause = "join condition"
    expressions.read_expression(context, level, node["joinCondition"])
    for _, when in map(opened, node["mergeWhenClauses"]):
        level.items = [target.item] if when["matchKind"] in _SEES_TARGET else []
        level.items += source if when["matchKind"] in _SEES_SOURCE else []
        _read_when(context, level, target, when)
    level.items = [target.item, *source]
    columns = Columns(())
    if "returningClause" in node:
        columns = dml.read_returning(context, level, target, node["returningClause"])
    if "withClause" in node:
        ctes.settle(context, level)
    return columns


def _read_when(context: Context, level: Level, target: dml.Target, when: Node) -> None:
    if "condition" in when:
        level.clause = "when"
        expressions.read_expression(context, level, when["condition"])
    match when["commandType"]:
        case "CMD_NOTHING":
            target.require("SELECT", "merge")
        case "CMD_UPDATE":
            target.require("UPDATE", "merge update")
            changed = dml.read_set(context, level, target, when["targetList"])
            dml.charge_beneath(context, target, "UPDATE", *changed)
        case "CMD_DELETE":
            target.require("DELETE", "merge delete")
            if target.relation.kind != "view":
                stored.charge_delete(context, target.relation, target.place)
            dml.charge_beneath(context, target, "DELETE", (), ())
        case "CMD_INSERT":
            target.require("INSERT", "merge insert")
            _read_insert(context, level, target, when)


def _read_insert(context: Context, level: Level, target: dml.Target, when: Node) -> None:
    values = when.get("values", [])
    columns = [(each["name"], each.get("location", 0)) for _, each in map(opened, when.get("targetList", ()))]
    if not columns:
        columns = [(each.name, target.place) for each in target.relation.columns]
    given: set[str] = set()
    level.clause = "values"
    for (name, place), value in zip(columns, values, strict=False):
        target.write("INSERT", name, "insert column", place)
        if "SetToDefault" not in value:
            given.add(name)
            target.store(name, expressions.read_expression(context, level, value), "insert column", place)
    if target.relation.kind != "view":
        stored.charge_insert(context, target.relation, given, target.place)
    written = {name for name, _ in columns[: len(values)]}
    dml.charge_beneath(context, target, "INSERT", written, written - given)
