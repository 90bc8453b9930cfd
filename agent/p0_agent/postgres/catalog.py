"""The catalog snapshot, read through the reader: what exists in the managed schemas, and no data.

A handful of set-based queries in one snapshot of the database; `printing` has what becomes of broken objects.
`fingerprint` tells cheaply whether it is worth taking a new one; it may change without need (the snapshot's `version`
does not), and never fails to change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from p0_access.encoding import encode, sha256_b64u
from p0_access.permissions.catalog import (
    Cast,
    Catalog,
    Column,
    Constraint,
    EventTrigger,
    Function,
    Operator,
    Policy,
    Relation,
    Trigger,
    Type,
)
from p0_agent.postgres.connections import Connection
from p0_agent.postgres.errors import PostgresError
from p0_agent.postgres.printing import Printing, Row
from p0_agent.postgres.queries import query

SNAPSHOT_TIMEOUT: Final = "30s"
ByRelation = Mapping[int, Sequence[Row]]


async def snapshot(connection: Connection, schemas: Sequence[str]) -> Catalog:
    """What `schemas` of the connection's database hold. Raises `PostgresError` (`schema_missing`) for one that is not
    there."""
    names = tuple(sorted(set(schemas)))
    async with _frozen(connection):
        await _check_schemas(connection, names)
        printing = Printing(connection, names)
        relations = await printing.rows("catalog_relations")
        columns = _grouped(await printing.rows("catalog_columns"))
        constraints = _grouped(await printing.rows("catalog_constraints"))
        serials = _grouped(await printing.rows("catalog_serials"))
        parents = _grouped(await printing.rows("catalog_parents"))
        triggers = _grouped(await printing.rows("catalog_triggers"))
        policies = _grouped(await printing.rows("catalog_policies"))
        indexes = _grouped(await printing.rows("catalog_index_expressions"))
        rules = _grouped(await printing.rows("catalog_rules"))
        functions = await printing.rows("catalog_functions")
        types = await printing.rows("catalog_types")
        operators = await printing.rows("catalog_operators")
        casts = await printing.rows("catalog_casts")
        support = await printing.rows("catalog_support")
        event_triggers = await printing.rows("catalog_event_triggers")
    catalog = Catalog(
        database=connection.info.dbname,
        version="",
        server_version=connection.info.server_version // 10_000,
        schemas=names,
        relations=tuple(
            _relation(
                row | {"unreadable": row["oid"] in printing.unreadable},
                *(columns, constraints, serials, parents, triggers, policies, indexes, rules),
            )
            for row in relations
        ),
        functions=tuple(_function(row) for row in functions),
        types=tuple(_type(row, columns) for row in types),
        operators=tuple(_operator(row) for row in operators),
        casts=tuple(_cast(row) for row in casts),
        support=tuple((row["schema"], row["name"], row["identity"]) for row in support),
        event_triggers=tuple(_event_trigger(row) for row in event_triggers),
    )
    return msgspec.structs.replace(catalog, version=sha256_b64u(encode(catalog)))


async def fingerprint(connection: Connection, schemas: Sequence[str]) -> str:
    """Differs from an earlier one whenever the snapshot does. Leases do not change it."""
    async with _frozen(connection):
        cursor = await connection.execute(query("catalog_fingerprint"), {"schemas": list(schemas)})
        row = await cursor.fetchone()
    return str(row[0]) if row else ""


def _relation(
    row: Row,
    columns: ByRelation,
    constraints: ByRelation,
    serials: ByRelation,
    parents: ByRelation,
    triggers: ByRelation,
    policies: ByRelation,
    indexes: ByRelation,
    rules: ByRelation,
) -> Relation:
    oid = row.pop("oid")
    return Relation(
        **row,
        columns=_columns(columns.get(oid, ())),
        constraints=tuple(
            Constraint(
                name=item["name"], kind=item["kind"], columns=tuple(item["columns"]), definition=item["definition"]
            )
            for item in constraints.get(oid, ())
        ),
        serials={item["name"]: (item["schema"], item["sequence"]) for item in serials.get(oid, ())},
        inherits=tuple((item["schema"], item["name"]) for item in parents.get(oid, ())),
        fires=tuple(_trigger(item) for item in triggers.get(oid, ())),
        policies=tuple(_policy(item) for item in policies.get(oid, ())),
        index_expressions=tuple(item["expression"] for item in indexes.get(oid, ())),
        rewrites=tuple(item["definition"] for item in rules.get(oid, ())) if row["rules"] else None,
    )


def _trigger(row: Row) -> Trigger:
    return Trigger(
        name=row["name"],
        events=tuple(row["events"]),
        function=(row["function_schema"], row["function_name"]),
        columns=tuple(row["columns"]),
        when=row["when"],
        before=row["before"],
        instead=row["instead"],
        old_table=row["old_table"],
        new_table=row["new_table"],
    )


def _policy(row: Row) -> Policy:
    return Policy(
        name=row["name"],
        command=row["command"],
        public=row["public"],
        roles=tuple(row["roles"]),
        using=row["using"],
        check=row["check"],
        permissive=row["permissive"],
    )


def _columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=row["name"],
            type=row["type"],
            nullable=row["nullable"],
            default=row["default"],
            identity=row["identity"],
            generated=row["generated"],
            comment=row["comment"],
        )
        for row in rows
    )


def _function(row: Row) -> Function:
    parts = tuple((schema, name, identity) for schema, name, identity in row["parts"])
    lists = {each: tuple(row[each]) for each in ("types", "default_values", "settings")}
    return Function(**row | lists | {"parts": parts})


def _type(row: Row, columns: ByRelation) -> Type:
    oid = row.pop("relation")
    return Type(**row | {"columns": _columns(columns.get(oid, ())), "checks": tuple(row["checks"])})


def _operator(row: Row) -> Operator:
    return Operator(
        schema=row["schema"],
        name=row["name"],
        left=row["left"],
        right=row["right"],
        function=(row["function_schema"], row["function_name"]),
    )


def _cast(row: Row) -> Cast:
    return Cast(
        source=row["source"],
        target=row["target"],
        function=(row["function_schema"], row["function_name"], row["identity"]),
        context=row["context"],
    )


def _event_trigger(row: Row) -> EventTrigger:
    return EventTrigger(
        name=row["name"],
        event=row["event"],
        function=(row["function_schema"], row["function_name"]),
        tags=tuple(row["tags"]),
    )


@asynccontextmanager
async def _frozen(connection: Connection) -> AsyncIterator[None]:
    """One snapshot for all queries, and names printed as if nothing but pg_catalog were on the search path."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute("SET LOCAL search_path = pg_catalog")
        await connection.execute("SELECT set_config('statement_timeout', %s, true)", (SNAPSHOT_TIMEOUT,))
        yield


async def _check_schemas(connection: Connection, schemas: Sequence[str]) -> None:
    cursor = await connection.execute(
        "SELECT w.name FROM unnest(%s::text[]) AS w (name)"
        " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = w.name) ORDER BY 1",
        (list(schemas),),
    )
    row = await cursor.fetchone()
    if row is not None:
        raise PostgresError(
            f"there is no schema {row[0]} in {connection.info.dbname}",
            code="schema_missing",
            hint="correct `schemas` in the agent's configuration",
        )


def _grouped(rows: Sequence[Row]) -> dict[int, list[Row]]:
    """By the OID of the relation they belong to."""
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["relation"]].append(row)
    return found
