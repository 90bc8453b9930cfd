"""Where the ledger or the evidence cannot be written, as on a full disk, nobody keeps an access for that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from fix_agent_core import MARKETS, Bench
from fix_postgres import BOTH_MODES
from p0_agent.core.watch import end_due
from p0_agent.postgres.errors import PostgresError

pytestmark = BOTH_MODES
TABLES = ["p0.request", "p0_evidence.log"]

FULL = """
CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


@asynccontextmanager
async def full(bench: Bench, table: str) -> AsyncIterator[None]:
    """What PostgreSQL says when there is no room for another row."""
    async with await bench.managed.superuser() as superuser:
        await superuser.execute(FULL.encode())
        await superuser.execute(
            f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION public.full()".encode()
        )
        try:
            yield
        finally:
            await superuser.execute("DROP FUNCTION public.full() CASCADE")


async def assert_out(connection: psycopg.AsyncConnection) -> None:
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("SELECT")
    await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_what_expires_is_over_and_ended_when_there_is_room_again(table: str, bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, opening = bench.ask(dana, MARKETS, ttl=60)
    opened = bench.open(await bench.admit(request), opening)
    connection = await bench.connect(opened)
    bench.clock.now += 61
    async with full(bench, table):
        assert await end_due(bench.context) == ()
        await assert_out(connection)
        with pytest.raises(psycopg.OperationalError):
            await bench.connect(opened)
    (report,) = await end_due(bench.context)
    assert len(report.records) == 1
    assert await bench.roles() == []


@pytest.mark.parametrize("table", TABLES)
async def test_who_gives_it_back_or_loses_it_is_out_and_the_job_comes_again(table: str, bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, opening = bench.ask(dana, MARKETS)
    connection = await bench.connect(bench.open(await bench.admit(request), opening))
    async with full(bench, table):
        with pytest.raises(PostgresError):
            await bench.end(request, dana)
        await assert_out(connection)
    assert (await bench.end(request, dana)).outcome == "ended"
    assert await bench.roles() == []


@pytest.mark.parametrize("table", TABLES)
async def test_nothing_is_opened_that_cannot_be_written_down(table: str, bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    request, _ = bench.ask(dana, MARKETS)
    async with full(bench, table):
        with pytest.raises(PostgresError):
            await bench.admit(request)
        assert await bench.roles() == []
    assert (await bench.admit(request)).outcome == "active"
    assert (await bench.end(request, dana)).outcome == "ended"
