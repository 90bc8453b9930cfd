"""ANALYZE, VACUUM, CLUSTER, REINDEX TABLE, REFRESH MATERIALIZED VIEW: MAINTAIN on what they name, since PostgreSQL 17;
before it, and without a table, they are their owner's (vacuum.c, cluster.c, indexcmds.c, matview.c).

What they run, functions in indexes and the query of a materialized view, runs as the owner, and is reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import bodies, body_reader, foreign_keys, making, names, refusals
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import relation

_MAINTAIN_SINCE: Final = 17
REFRESH: Final = "REFRESH MATERIALIZED VIEW"


def read_vacuum(context: Context, node: Node) -> str:
    tables = [each["VacuumRelation"]["relation"] for each in node.get("rels", ())]
    return _maintain(context, tables, "VACUUM" if node.get("is_vacuumcmd") else "ANALYZE")


def read_cluster(context: Context, node: Node) -> str:
    return _maintain(context, [node["relation"]] if "relation" in node else (), "CLUSTER")


def read_reindex(context: Context, node: Node) -> str:
    if node.get("kind") == "REINDEX_OBJECT_INDEX" and context.catalog.server_version >= _MAINTAIN_SINCE:
        raise refusals.reindex(node["relation"]["relname"])
    of_table = node.get("kind") == "REINDEX_OBJECT_TABLE"
    return _maintain(context, [node["relation"]] if of_table else (), "REINDEX")


def read_refresh(context: Context, node: Node) -> str:
    return _maintain(context, [node["relation"]], REFRESH)


def _maintain(context: Context, tables: Sequence[Node], command: str) -> str:
    maintain = context.catalog.server_version >= _MAINTAIN_SINCE
    if not tables:
        raise refusals.maintenance(command, named=False, maintain=maintain)
    context.writes = True
    for table in tables:
        found = names.relation(context, table, command.lower())
        if names.made_here(context, found):
            continue
        if not maintain:
            raise refusals.maintenance(command, named=True, maintain=False)
        place = table.get("location", 0)
        context.charges.need(relation(found.schema, found.name, "MAINTAIN"), Reason(command.lower(), place))
        if found.kind == "matview" or found.index_expressions or found.kind == "partitioned":
            _reach(context, found, command)
    return command


def _reach(context: Context, table: Relation, command: str) -> None:
    name = f"{table.schema}.{table.name}"
    beneath = tuple(foreign_keys.descendants(context, table)) if table.kind == "partitioned" else ()

    def run(inner: Context) -> None:
        for each in (table, *beneath):
            for expression in each.index_expressions:
                bodies.expand_expression(inner, expression, each, "index expression", -1)
        if command == REFRESH:
            body = body_reader.view(inner, table, -1, as_owner=True)
            inner.charges.absorb(body.context.charges)
            inner.charges.absorb(body.context.callers)
            bodies.pass_on(inner, body)

    bodies.reach_owners(context, f"{command} {name}", f"{command} {name}", run)


READERS: Final[dict[str, making.Reader]] = {
    "VacuumStmt": read_vacuum,
    "ClusterStmt": read_cluster,
    "ReindexStmt": read_reindex,
    "RefreshMatViewStmt": read_refresh,
}
