"""A login that does all it can against its end: it ends all the same, and the catalogs are what they were before."""

from __future__ import annotations

import pytest
from psycopg import errors as sqlstate
from psycopg import sql

from fix_postgres import BOTH_MODES, Managed
from p0_access.permissions.permission import column, relation, usage

pytestmark = BOTH_MODES
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))

IN_THE_WAY = [
    "ALTER ROLE {login} PASSWORD 'mine'",
    "ALTER ROLE {login} SET work_mem = '1GB'",
    "ALTER ROLE {login} IN DATABASE {database} SET work_mem = '1GB'",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "SELECT lo_from_bytea(0, 'mine')",
    "LOCK TABLE enterprise.markets IN ACCESS SHARE MODE",
]


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("statement", IN_THE_WAY)
async def test_no_transaction_of_its_own_is_in_the_way(statement: str, prepared: bool, managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS, read_only=False)
    connection = await managed.login(opened)
    await connection.execute("BEGIN")
    names = {"login": sql.Identifier(opened.login), "database": sql.Identifier(managed.database)}
    await connection.execute(sql.SQL(statement).format(**names))
    if prepared:
        await connection.execute("PREPARE TRANSACTION 'in the way'")
    try:
        await managed.end(entry)
    finally:
        await connection.close()
        async with await managed.superuser() as superuser:
            cursor = await superuser.execute("SELECT gid FROM pg_prepared_xacts")
            left = await cursor.fetchall()
            for (gid,) in left:  # so that a failure stays this test's own
                await superuser.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
    assert left == []
