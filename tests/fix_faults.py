"""A whole life of an access, interrupted at one of its steps: every awaited answer of the database is one.

`live` is what an agent does with a request, from wherever the ledger has it; `Interruption` strikes at the n-th step of
it, and `die` does it in a process of its own, which is killed there.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import psycopg
import pytest

from p0_access.secret import Secret
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.guard import GuardPowers
from p0_agent.postgres.powers import BrokerPowers
from p0_agent.postgres.provision import Order

NOW = 1_790_000_000
Strike = Literal["lost", "cancelled", "killed", "crashed"]
"""The step is done and its answer never comes; the task is cancelled in it; the process is killed before it; a backend
of PostgreSQL is killed right after it, on which all of PostgreSQL starts anew from its log."""

Ending = Literal["end", "sweep"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cluster that was started once, as another process can be told of it."""

    host: str
    port: int
    password: str
    home: str
    databases: dict[str, tuple[str, ...]]
    hardened: bool = False

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        """As an agent that has just started sees it: with nothing but what is in the database."""
        agent = Account(
            host=self.host, port=self.port, user="p0_agent", password=Secret(self.password), sslmode="disable"
        )
        powers = GuardPowers() if self.hardened else BrokerPowers()
        connections = Connections(agent=agent, reader=agent, home=self.home, powers=powers)
        cluster = Cluster(connections, self.databases, random=os.urandom, iterations=1)
        try:
            yield cluster
        finally:
            await cluster.close()


async def begin(cluster: Cluster, order: Order) -> None:
    """The request's life from where it is to the sealed credential."""
    ledger = cluster.ledger
    entry = await ledger.claim(rh=order.rh, rid=order.rid, database=order.database, request="jws", now=NOW)
    if entry.stage == "claimed":
        entry = await ledger.admit(order.rh, "jws", "approved", NOW)
    if entry.stage in {"approved", "provisioned"}:
        opened = await cluster.open(order, NOW)
        await ledger.seal(order.rh, f"sealed {opened.attempt}", NOW, attempt=opened.attempt)


async def finish(cluster: Cluster, order: Order, ending: Ending) -> None:
    """From there to its receipt, however it ends."""
    if ending == "sweep":
        await reconcile(cluster, order.not_after)
        return
    entry = await cluster.ledger.begin_end(order.rh, "revoked", NOW)
    if entry.stage == "ending":
        await _receipt(cluster, entry, (await cluster.end(entry)).residue)


async def live(cluster: Cluster, order: Order, ending: Ending) -> None:
    await begin(cluster, order)
    await finish(cluster, order, ending)


async def interrupted(cluster: Cluster, order: Order, ending: Ending, interruption: Interruption) -> None:
    """All of a life that ends by `end`; of one that ends by the sweep only that."""
    if ending == "sweep":
        await begin(cluster, order)
    with interruption:
        await (live if ending == "end" else finish)(cluster, order, ending)


async def reconcile(cluster: Cluster, now: int) -> None:
    """The sweep, and the receipts that it leaves to its caller."""
    swept = await cluster.sweep(now)
    for error in swept.failed.values():
        raise error
    for done in swept.ended:
        await _receipt(cluster, done.entry, done.ended.residue)


async def _receipt(cluster: Cluster, entry: Entry, residue: tuple[str, ...]) -> None:
    if residue:
        raise AssertionError(f"left of {entry.login}: {residue}")
    await cluster.ledger.end(entry.rh, "receipt", NOW)


class Interruption:
    """While it is entered, counts the steps of the agent's connections, and strikes at step `at` (from 1)."""

    def __init__(self, strike: Strike, at: int) -> None:
        self._strike = strike
        self._at = at
        self._steps = 0
        self._patch = pytest.MonkeyPatch()

    @property
    def struck(self) -> bool:
        return self._steps >= self._at

    def __enter__(self) -> Self:
        wait = psycopg.AsyncConnection.wait

        async def counted(connection: psycopg.AsyncConnection[Any], *args: Any, **options: Any) -> Any:
            if connection.info.user != "p0_agent":
                return await wait(connection, *args, **options)
            self._steps += 1
            if self._steps != self._at:
                return await wait(connection, *args, **options)
            if self._strike == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._strike == "cancelled" and (task := asyncio.current_task()) is not None:
                task.cancel()
            result = await wait(connection, *args, **options)
            if self._strike == "crashed":
                os.kill(connection.info.backend_pid, signal.SIGKILL)
            if self._strike in {"lost", "crashed"}:
                await connection.close()
                raise psycopg.OperationalError("the answer is lost")
            return result

        self._patch.setattr(psycopg.AsyncConnection, "wait", counted)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def die(place: Mapping[str, Any], order: Order, ending: Ending, at: int) -> None:
    """For a process of its own: lives until step `at`, and is killed there; or to the end, if there is no such step."""

    async def until_killed() -> None:
        async with Place(**place).cluster() as cluster:
            await interrupted(cluster, order, ending, Interruption("killed", at))

    asyncio.run(until_killed())
