"""PostgreSQL agrees with the kernel's reading: a role with exactly what was inferred runs the statement, and a role
with any one of them less is refused.

Each trial is a session of its own, since sessions cache what was checked, and rolls everything back, its role too.
"""

from __future__ import annotations

import os

import msgspec
import psycopg
import pytest
from psycopg import sql

from fix_inference import SCHEMAS, Case, cases
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import read
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.reading import needed
from p0_access.permissions.settle import settle
from p0_agent.postgres.catalog import snapshot
from p0_demo.postgres import EmbeddedPostgres

PROVEN = cases("select", "writing", "views_and_functions", "operators", "utility")
ROLE = sql.Identifier("p0_trial")
DENIED = "42501"
UNSEEN = {"42P01", "42883", "42704", "42703"}
"""What PostgreSQL says of a name whose schema may not be looked into, if the search path led there."""

NEWER_SYNTAX = {"42601", "42P01", "42883", "0A000"}
"""How an older server refuses a statement that its grammar or catalog does not have."""


async def run(server: EmbeddedPostgres, database: str, text: str, granted: tuple[Permission, ...]) -> str:
    """The SQLSTATE of running `text` as a role that holds `granted` and nothing else; empty if it ran."""
    async with await psycopg.AsyncConnection.connect(**server.superuser(database)) as connection:
        try:
            await connection.execute(sql.SQL("CREATE ROLE {}").format(ROLE))
            for permission in granted:
                if statement := _grant(permission):
                    await connection.execute(statement)
            await connection.execute(sql.SQL("SET LOCAL search_path = public; SET LOCAL ROLE {}").format(ROLE))
            if text.lower().startswith("copy"):
                async with connection.cursor() as cursor, cursor.copy(text.encode()) as copy:
                    if "from stdin" not in text.lower():
                        async for _ in copy:
                            pass
            else:
                await connection.execute(text.encode())
        except psycopg.Error as error:
            return error.sqlstate or "unknown"
        finally:
            await connection.rollback()
    return ""


def _grant(permission: Permission) -> sql.Composed | None:
    schema, name = permission.schema or "", permission.object or ""
    privilege = sql.SQL(permission.privilege)
    match permission.kind:
        case Kind.DATABASE:
            return None
        case Kind.SCHEMA:
            return sql.SQL("GRANT {} ON SCHEMA {} TO {}").format(privilege, sql.Identifier(name), ROLE)
        case Kind.COLUMN:
            column = sql.Identifier(permission.column or "")
            return sql.SQL("GRANT {} ({}) ON {} TO {}").format(privilege, column, sql.Identifier(schema, name), ROLE)
        case Kind.FUNCTION:
            # The identity arguments are PostgreSQL's own text, from the snapshot.
            function = sql.SQL("{}.").format(sql.Identifier(schema)) + sql.SQL(name)
            return sql.SQL("GRANT {} ON FUNCTION {} TO {}").format(privilege, function, ROLE)
        case Kind.LARGE_OBJECT:
            return sql.SQL("GRANT {} ON LARGE OBJECT {} TO {}").format(privilege, sql.SQL(name), ROLE)
        case _:
            noun = sql.SQL("SEQUENCE" if permission.kind is Kind.SEQUENCE else "TABLE")
            return sql.SQL("GRANT {} ON {} {} TO {}").format(privilege, noun, sql.Identifier(schema, name), ROLE)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("case", PROVEN, ids=lambda case: f"{case.theme}: {case.sql[:60]}")
async def test_exactly_what_is_needed(
    case: Case, shop_catalog: Catalog, postgres: EmbeddedPostgres, shop_database: str
) -> None:
    text = case.sql.rstrip(";")
    inferred = needed(read(text, shop_catalog))
    sometimes = {item for item in inferred if str(item) in case.sometimes}
    granted = settle(inferred, shop_catalog, tagged=lambda *_: False)

    state = await run(postgres, shop_database, text, granted)
    if state in NEWER_SYNTAX and "P0_TEST_PG_BIN" in os.environ:
        pytest.skip("this server does not know the statement")
    assert state == "", f"with all of {[str(item) for item in granted]}"

    for dropped in granted:
        if dropped.kind is Kind.DATABASE or dropped in sometimes:
            continue
        state = await run(postgres, shop_database, text, tuple(item for item in granted if item != dropped))
        refused = {DENIED} | (UNSEEN if dropped.kind is Kind.SCHEMA else set())
        assert state in refused, f"without {dropped}"


@pytest.mark.asyncio(loop_scope="session")
async def test_the_cases_catalog_is_what_the_agent_sees(
    shop_catalog: Catalog, postgres: EmbeddedPostgres, shop_database: str
) -> None:
    async with await psycopg.AsyncConnection.connect(**postgres.superuser(shop_database)) as connection:
        seen = await snapshot(connection, SCHEMAS)
    if seen.server_version != shop_catalog.server_version:
        pytest.skip("expressions are printed differently by other versions")
    assert msgspec.structs.replace(seen, version="sample") == shop_catalog
