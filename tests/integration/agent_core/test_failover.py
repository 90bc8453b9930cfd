"""PostgreSQL fails over to a replica whose state is minutes old: accesses that were ended are there again, and those
that were opened since are not; the ledger and the catalog went back together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest

from fix_agent_core import EMAILS, MARKETS, Bench, Clock, context_of
from fix_people import Issuer
from fix_postgres import (
    BOTH_MODES,
    DEMO_SQL,
    MORTAL,
    THUMBPRINT,
    Managed,
    Mode,
    bootstrap,
    made_roles,
    powers_of,
    superuser_connection,
)
from fix_standby import standing_by
from p0_agent.core.watch import end_due
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.reading.child import ReadingChild
from p0_agent.start_record import StartRecord, reconcile
from p0_demo.postgres import EmbeddedPostgres

pytestmark = BOTH_MODES
MINUTES = 180
ISSUER = Issuer()


@asynccontextmanager
async def working(
    server: EmbeddedPostgres, accounts: tuple[Account, Account], mode: Mode, record: StartRecord, clock: Clock
) -> AsyncIterator[Bench]:
    """An agent that has just been started on `server`, and remembers what `record` does."""
    agent, reader = (msgspec.structs.replace(each, port=server.port) for each in accounts)
    connections = Connections(agent=agent, reader=reader, home=MORTAL, powers=powers_of(mode))
    cluster = Cluster(
        connections, {MORTAL: ("enterprise",)}, random=os.urandom, iterations=1, broker_on_old_versions=True
    )
    child = ReadingChild(deadline=20)  # what is tested here is not how busy this machine is
    try:
        started = await cluster.start(THUMBPRINT, int(clock()))
        not_before = await reconcile(cluster, record, started, int(clock()))
        managed = Managed(server=server, database=MORTAL, agent=agent, reader=reader, cluster=cluster)
        context = context_of(cluster, child, server=server, issuer=ISSUER, clock=clock, not_before=not_before)
        yield Bench(managed=managed, context=context, clock=clock, issuer=ISSUER)
    finally:
        await child.close()
        await cluster.close()


async def test_what_a_replica_brings_back_is_ended_and_what_it_forgot_is_not_done_again(
    mode: Mode, tmp_path: Path
) -> None:
    clock, record = Clock(), StartRecord(tmp_path / "agent.state", THUMBPRINT)
    named = os.environ.get("P0_TEST_PG_BIN")
    async with EmbeddedPostgres(binaries=Path(named) if named else None, settings={"fsync": "off"}) as server:
        async with await superuser_connection(server) as superuser:
            await superuser.execute(f"CREATE DATABASE {MORTAL}".encode())
        async with await superuser_connection(server, MORTAL) as superuser:
            await superuser.execute(DEMO_SQL.read_bytes())
            await superuser.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # which it had before PostgreSQL 15
        accounts = await bootstrap(server, MORTAL, {MORTAL: ("enterprise",)}, mode)
        clock.now -= MINUTES
        async with standing_by(server) as standby:
            async with working(server, accounts, mode, record, clock) as bench:
                clock.now += MINUTES
                dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
                expiring, expiring_key = bench.ask(dana, MARKETS, ttl=MINUTES)
                expired = bench.open(await bench.admit(expiring), expiring_key)
                live, live_key = bench.ask(dana, MARKETS)
                given_back = bench.open(await bench.admit(live), live_key)
                waiting, _ = bench.ask(dana, EMAILS)
                admitted = await bench.admit(waiting)
                await standby.cut_off()

                assert (await bench.approve(waiting, admitted, pat, decision="deny")).outcome == "denied"
                assert (await bench.end(live, dana)).outcome == "ended"
                spent, spent_key = bench.ask(dana, MARKETS)
                lost = bench.open(await bench.admit(spent), spent_key)
                once, _ = bench.ask(dana, MARKETS)
                assert (await bench.admit(once)).outcome == "active"
                assert (await bench.end(once, dana)).outcome == "ended"
                clock.now += MINUTES
                assert len(await end_due(bench.context)) == 1
                record.keep(await bench.managed.cluster.evidence.head())
            await standby.take_over()

            sessions = [
                await bench.connect(msgspec.structs.replace(each, port=standby.server.port))
                for each in (expired, given_back)
            ]
            async with working(standby.server, accounts, mode, record, clock) as bench:
                await end_due(bench.context)
                for session in sessions:
                    with pytest.raises(psycopg.OperationalError):
                        await session.execute("SELECT")
                    await session.close()
                async with await superuser_connection(standby.server, MORTAL) as superuser:
                    assert await made_roles(superuser) == []
                    cursor = await superuser.execute("SELECT DISTINCT stage FROM p0.request ORDER BY 1")
                    assert [stage for (stage,) in await cursor.fetchall()] == ["ended", "lapsed"]
                for each in (expired, given_back, lost):
                    with pytest.raises(psycopg.OperationalError):
                        await bench.connect(msgspec.structs.replace(each, port=standby.server.port))
                clock.now += 62
                pat = bench.person("pat", "privacy")
                assert [(await bench.admit(each)).code for each in (spent, once)] == ["before_ledger"] * 2
                assert (await bench.approve(waiting, admitted, pat)).code == "already_lapsed"
                assert [(await bench.admit(each)).outcome for each in (expiring, live)] == ["ended", "ended"]
                dana = bench.person("dana", "analysts")
                again, _ = bench.ask(dana, MARKETS)
                assert (await bench.admit(again)).outcome == "active"
                assert (await bench.end(again, dana)).outcome == "ended"
                assert "rewound" in [entry.kind for entry in await bench.managed.cluster.evidence.entries()]
                async with await superuser_connection(standby.server, MORTAL) as superuser:
                    assert await made_roles(superuser) == []
