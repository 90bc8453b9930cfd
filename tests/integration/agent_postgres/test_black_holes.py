"""A network that swallows what is sent: nothing waits without a limit, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from fix_postgres import LATER, NOW, Managed, fresh_database, managing
from p0_access.permissions.permission import relation, usage
from p0_agent.postgres import connections as limits
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.errors import DatabaseUnavailableError

MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))


class Hole:
    """A TCP proxy. Once `swallowing`, what either side says goes nowhere, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.swallowing = False
        self.refusing = False
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Hole]:
        tasks: set[asyncio.Task[None]] = set()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with suppress(OSError):
                    while said := await reader.read(65536):
                        if not self.swallowing:
                            writer.write(said)
            finally:
                writer.transport.abort()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.refusing:
                writer.transport.abort()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            for each in (carry(reader, back), carry(there, writer)):
                tasks.add(asyncio.create_task(each))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def through(hole: Hole, managed: Managed) -> Connections:
    agent, reader = (msgspec.structs.replace(each, port=hole.port) for each in (managed.agent, managed.reader))
    return Connections(agent=agent, reader=reader, home=managed.cluster.connections.home)


async def test_a_connection_that_went_dead_is_given_up_and_made_anew(
    managed: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "USE_SECONDS", 0.5)
    async with Hole(managed.server.port).open() as hole:
        connections = through(hole, managed)
        try:
            async with connections.look() as connection:
                await connection.execute("SELECT 1")
            hole.swallowing = hole.refusing = True
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailableError):
                async with connections.look() as connection:
                    await connection.execute("SELECT 1")
            assert time.monotonic() - began < 15  # psycopg tries for five seconds each to cancel it and to hear so
            hole.swallowing = hole.refusing = False
            async with connections.look() as connection:
                assert await (await connection.execute("SELECT 2")).fetchone() == (2,)
        finally:
            await connections.close()


async def test_nothing_is_waited_for_that_never_connects(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "USE_SECONDS", 0.5)
    async with Hole(managed.server.port).open() as hole:
        hole.swallowing = True
        connections = through(hole, managed)
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailableError):
            async with connections.control():
                pytest.fail("there is no connection")
        assert time.monotonic() - began < 5
        await connections.close()


async def test_a_stuck_database_delays_no_other(managed: Managed) -> None:
    """Somebody holds the lock in one of two databases: there nothing is opened or ended, and in the other all is."""
    home = managed.database
    async with (
        fresh_database(managed.server) as stuck,
        managing(managed.server, home, {home: ("enterprise",), stuck: ("enterprise",)}) as both,
    ):
        late = await both.approved(stuck)
        there = await both.cluster.open(both.order(late, *MARKETS), NOW)
        here, _ = await both.open(*MARKETS)
        async with await both.superuser(stuck) as superuser, superuser.transaction():
            await superuser.execute("LOCK TABLE p0.writer IN ACCESS EXCLUSIVE MODE")
            ending = asyncio.create_task(both.cluster.sweep(LATER))
            async with asyncio.timeout(1.5):  # less than the lock timeout of the one that is stuck
                while True:
                    row = await both.cluster.ledger.get(here.rh)
                    if row is not None and row.stage == "ending" and await gone(both, row.login or ""):
                        break
                    await asyncio.sleep(0.01)
            swept = await ending
        assert [done.entry.rh for done in swept.ended] == [here.rh]
        assert late.rh in swept.failed
        again = await both.cluster.sweep(LATER)
        assert late.rh in {done.entry.rh for done in again.ended}
        assert await gone(both, there.login)


async def gone(managed: Managed, login: str) -> bool:
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,))
        return await cursor.fetchone() is None
