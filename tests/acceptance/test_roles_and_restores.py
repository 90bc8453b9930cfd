"""A role by name, from the command line to its end; and a database that is restored under the running agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from fix_stage import Ran, finish, p0, part, start
from p0_demo.stage import DANA, DATABASE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = """
CREATE ROLE reporting;
GRANT USAGE ON SCHEMA enterprise TO reporting;
GRANT SELECT ON enterprise.markets TO reporting;
GRANT reporting TO p0_broker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE
"""
RULE = """
  - name: reporting
    requestor: {groups: [analysts]}
    resource: {databases: [mydatabase], roles: [reporting]}
    access: {kinds: [role]}
    approval: {auto: true}
"""
MARKETS = "select code from enterprise.markets where code = 'HU';"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reporting() -> AsyncIterator[Stage]:
    """Server and agent as programs of their own; the agent may grant one role."""
    async with Stage(attended=False) as stage:
        with (stage.directory / "agent.toml").open("a") as settings:
            settings.write('\n[ceiling]\nroles = ["reporting"]\n')
        with (stage.directory / "rules.yaml").open("a") as rules:
            rules.write(RULE)
        async with await superuser(stage) as connection:
            await connection.execute(ROLES.encode())
        async with part(stage, "server"), part(stage, "agent"):
            async with asyncio.timeout(60):
                while (await p0(stage, DANA, "login", "--insecure-storage")).status != 0:
                    pass
            async with asyncio.timeout(60):
                while "enterprise.markets" not in (await p0(stage, DANA, "ls", DATABASE)).out:
                    pass
            yield stage


async def superuser(stage: Stage) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(**stage.postgres.superuser(DATABASE), autocommit=True)


async def typed(stage: Stage, sql: str) -> Ran:
    """What psql, logged in by the role, says to somebody who types this."""
    asked = ("psql", "-d", DATABASE, "--role", "reporting", "--reason", "x", "--", "-A", "-t")
    process = await start(*asked, environment=stage.environment(DANA), stdin=asyncio.subprocess.PIPE)
    return await finish(process, sql.encode())


async def test_a_role_by_name_gives_what_it_holds_and_no_more(reporting: Stage) -> None:
    ran = await typed(reporting, MARKETS)
    assert (ran.status, ran.out.strip()) == (0, "HU"), ran
    for beyond in ("select email from enterprise.customers;", "set role reporting;"):
        assert "permission denied" in (await typed(reporting, beyond)).err
    rows = json.loads((await p0(reporting, DANA, "requests", "--mine", "--json")).out)
    live = [row["rid"] for row in rows if row["state"] == "active"]
    for rid in live:
        assert (await p0(reporting, DANA, "relinquish", rid)).status == 0
    assert live
    assert await reporting.leases() == []


async def test_a_role_that_reaches_too_far_is_refused_with_the_reason(reporting: Stage) -> None:
    async with await superuser(reporting) as connection:
        await connection.execute("GRANT TRUNCATE ON enterprise.markets TO reporting")
        ran = await p0(reporting, DANA, "psql", "-d", DATABASE, "--role", "reporting", "--reason", "x")
        await connection.execute("REVOKE TRUNCATE ON enterprise.markets FROM reporting")
    assert ran.status != 0
    assert "TRUNCATE on enterprise.markets" in ran.err


async def test_a_database_restored_under_the_agent_is_put_in_order_by_it(reporting: Stage) -> None:
    """The evidence is what it was before the last request; everything goes on without a restart."""
    async with await superuser(reporting) as connection:
        cursor = await connection.execute("SELECT max(n) FROM p0_evidence.log")
        ((last,),) = await cursor.fetchall()
        ran = await p0(reporting, DANA, "psql", "-d", DATABASE, "-c", MARKETS, "--reason", "x")
        assert ran.status == 0, ran
        await connection.execute("ALTER TABLE p0_evidence.log DISABLE TRIGGER ALL")
        await connection.execute("DELETE FROM p0_evidence.log WHERE n > %s", (last,))
        await connection.execute("ALTER TABLE p0_evidence.log ENABLE ALWAYS TRIGGER append_only")
        await p0(reporting, DANA, "psql", "-d", DATABASE, "-c", "select 1", "--reason", "x", "--timeout", "20s")
        cursor = await connection.execute("SELECT count(*) FROM p0_evidence.log WHERE kind = 'rewound'")
        assert await cursor.fetchone() == (1,)
        async with asyncio.timeout(30):
            while await reporting.leases():
                await connection.execute("SELECT pg_sleep(0.1)")
