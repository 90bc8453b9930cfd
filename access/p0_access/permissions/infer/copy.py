"""COPY between a table or query and the client (copy.c). Files and programs on the server are refused."""

from __future__ import annotations

from p0_access.permissions.infer import dml, expressions, names, stored, triggers
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Item, Level, RelationColumns
from p0_access.permissions.infer.tree import opened, strings
from p0_access.permissions.parse import Node


def read_copy(context: Context, node: Node) -> str:
    if node.get("is_program") or "filename" in node:
        raise RefusedError(
            "unsupported_statement",
            "COPY reads or writes a file or program on the database server",
            hint="Copy through the connection: COPY … TO STDOUT, or FROM STDIN.",
        )
    if "query" in node:
        kind, query = opened(node["query"])
        if kind == "SelectStmt":
            expressions.read_expression(context, Level(None), node["query"])
        else:
            dml.read_modifying(context, None, kind, query)
        return "COPY"
    inward = bool(node.get("is_from"))
    clause = "copy from" if inward else "copy to"
    found = names.relation(context, node["relation"], clause)
    place = node["relation"].get("location", 0)
    if inward:
        context.writes = True
        dml.check_writable(found, "COPY", place)
        if found.kind == "view" and not triggers.has_instead(found, "insert"):
            raise RefusedError("unsupported_statement", "COPY cannot write to a view", place, "Name its table.")
    elif found.kind in ("view", "foreign", "partitioned", "sequence"):
        raise RefusedError(
            "unsupported_statement",
            f"COPY cannot read a {found.kind}",
            place,
            "Copy a query: COPY (SELECT …) TO STDOUT.",
        )
    mention = names.access(context, found, place)
    privilege = "INSERT" if inward else "SELECT"
    mention.require(privilege, Reason(clause, place))
    known = mention.known
    columns = strings(node.get("attlist", [])) or tuple(each.name for each in found.columns if not each.generated)
    for column in columns:
        if column not in known:
            raise RefusedError(
                "unknown_column",
                f'column "{found.name}.{column}" does not exist',
                place,
                context.did_you_mean(column, known),
            )
        mention.column(privilege, column, Reason(clause, place))
    if inward:
        if found.kind == "view":
            triggers.charge(context, found, "insert", frozenset(), place)
        else:
            stored.charge_insert(context, found, set(columns), place)
    if "whereClause" in node:
        level = Level(None)
        level.items.append(Item(found.name, RelationColumns(mention), schema=found.schema))
        level.clause = "where"
        expressions.read_expression(context, level, node["whereClause"])
    return "COPY"
