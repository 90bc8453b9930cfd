"""A running agent, whose server is away, looks at its accesses by itself, often enough."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg import sql

from fix_agent_core import MARKETS, RULES, Bench
from p0_access.routing.current import CurrentRules
from p0_access.routing.directory import CurrentDirectory
from p0_agent import worker
from p0_agent.catalogs import Catalogs
from p0_agent.link import ServerLink
from p0_agent.worker import Worker

NOWHERE = "http://127.0.0.1:9"
"""A port where nobody answers."""


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    context = bench.context

    async def not_restored() -> int:
        raise AssertionError("nobody restored this database")

    link = ServerLink(NOWHERE, context.key, clock=bench.clock, random=secrets.token_bytes)
    agent = Worker(
        context,
        link,
        Catalogs(context.cluster, context.key, clock=bench.clock),
        CurrentRules(RULES.encode, source="rules.yaml"),
        CurrentDirectory(None, source=""),
        remember=lambda head: None,
        recover=not_restored,
        software="p0/test",
    )
    task = asyncio.create_task(agent.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await link.close()


async def until(superuser: psycopg.AsyncConnection, condition: str, login: str) -> None:
    async with asyncio.timeout(20):
        while (await (await superuser.execute(condition.encode(), (login,))).fetchone()) != (True,):
            await superuser.execute("SELECT pg_sleep(0.02)")


async def test_drift_is_looked_for_every_half_minute_and_needs_no_server(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait between two looks is the only thing that is shortened here."""
    assert worker.DRIFT_SECONDS <= 30
    monkeypatch.setattr(worker, "DRIFT_SECONDS", 0.05)
    result = await bench.admit(bench.ask(bench.person("dana", "analysts"), MARKETS)[0])
    login = result.login or ""
    async with await bench.managed.superuser() as superuser, running(bench):
        await superuser.execute(sql.SQL("ALTER ROLE {} VALID UNTIL 'infinity'").format(sql.Identifier(login)))
        await until(superuser, "SELECT isfinite(rolvaliduntil) FROM pg_roles WHERE rolname = %s", login)
        await superuser.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(login)))
        await until(superuser, "SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", login)
    assert await bench.roles() == []
