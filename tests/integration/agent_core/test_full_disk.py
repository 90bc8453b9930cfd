"""Where the ledger or the evidence cannot be written, as on a full disk, nobody keeps an access for that.

Whoever may mount one gets a disk that is really full; for all others a trigger says what PostgreSQL would.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

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


@asynccontextmanager
async def small_disk(bench: Bench) -> AsyncIterator[Path]:
    """One of its own for the evidence, mounted; a page takes one entry, so that each needs room."""
    server = bench.managed.server
    disk = server.directory / f"disk-{bench.managed.database}"
    disk.mkdir()
    owner = server.directory.stat().st_uid
    options = f"size=1m,mode=700,uid={owner}"
    mounted = os.geteuid() == 0 and await _done("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk))
    if not mounted:
        disk.rmdir()
        pytest.skip("to mount a disk one has to be root, where that is let")
    try:
        async with await bench.managed.superuser() as superuser:
            await superuser.execute(f"CREATE TABLESPACE small LOCATION '{disk}'".encode())
            await superuser.execute("ALTER TABLE p0_evidence.log SET (fillfactor = 10)")
            await superuser.execute("ALTER TABLE p0_evidence.log SET TABLESPACE small")
            try:
                yield disk
            finally:
                await superuser.execute("ALTER TABLE p0_evidence.log SET TABLESPACE pg_default")
                await superuser.execute("DROP TABLESPACE small")
    finally:
        assert await _done("umount", "--lazy", str(disk))


async def _done(*command: str) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    return await process.wait() == 0


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """To the last byte."""
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left on device"):
        _fill(ballast)
    try:
        yield
    finally:
        ballast.unlink()


async def test_a_disk_that_is_really_full(bench: Bench) -> None:
    async with small_disk(bench) as disk:
        dana = bench.person("dana", "analysts")
        expiring, opening = bench.ask(dana, MARKETS, ttl=60)
        opened = bench.open(await bench.admit(expiring), opening)
        connection = await bench.connect(opened)
        kept, _ = bench.ask(dana, MARKETS)
        assert (await bench.admit(kept)).outcome == "active"
        later, _ = bench.ask(dana, MARKETS)
        bench.clock.now += 61
        with filled(disk):
            assert await end_due(bench.context) == ()
            await assert_out(connection)
            with pytest.raises(psycopg.OperationalError):
                await bench.connect(opened)
            for act in (bench.end(kept, dana), bench.admit(later)):
                with pytest.raises(PostgresError):
                    await act
        (report,) = await end_due(bench.context)
        assert len(report.records) == 1
        assert (await bench.end(kept, dana)).outcome == "ended"
        assert (await bench.admit(later)).outcome == "active"
        assert (await bench.end(later, dana)).outcome == "ended"
        assert await bench.roles() == []


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
