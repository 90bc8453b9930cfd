"""Whatever happens to the agent, or to PostgreSQL, in whichever step: afterwards nothing is orphaned, lost, or there
twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict

import psycopg
import pytest

from fix_faults import Ending, Interruption, Place, Strike, die, interrupted, live, reconcile
from fix_postgres import LATER, NOW, PASSWORDS, Managed, Mode, fresh_database, managing, postgres_is_back
from p0_access.permissions.permission import connect, relation, usage
from p0_agent.errors import TransientError
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, login_name
from p0_agent.postgres.provision import Order

STEPS_AT_LEAST = {"end": 15, "sweep": 10}
"""There are more; a number that is much lower says that steps are no longer counted."""

STEPS_AT_MOST = 200


@pytest.fixture
async def apart(managed: Managed, mode: Mode) -> AsyncIterator[Managed]:
    """Its home is another database, so that an opening is two transactions."""
    async with (
        fresh_database(managed.server) as target,
        managing(managed.server, managed.database, {target: ("enterprise",)}, mode) as found,
    ):
        yield found


def place_of(managed: Managed) -> Place:
    return Place(
        host=managed.server.host,
        port=managed.server.port,
        password=PASSWORDS[0].reveal(),
        home=managed.cluster.connections.home,
        databases=managed.cluster.databases,
        hardened=managed.cluster.connections.powers.apart,
    )


def order(managed: Managed, number: int) -> Order:
    return Order(
        rh=f"crash-{number}",
        rid=f"crash-{number}",
        database=managed.database,
        login=login_name(person="ada@example.com", issuer="https://issuer", subject="ada", rh=f"crash-{number}"),
        permissions=(
            connect(managed.database),
            usage("enterprise"),
            relation("enterprise", "markets", "SELECT"),
        ),
        not_after=LATER,
        read_only=True,
    )


async def assert_agreement(superuser: psycopg.AsyncConnection) -> None:
    """Every role of ours is a live row's, by OID; every live row has both of its roles, one a member of the other."""
    cursor = await superuser.execute(
        "SELECT login, login_oid, set_role, set_oid FROM p0.request WHERE stage IN ('provisioned', 'sealed', 'ending')"
    )
    rows = await cursor.fetchall()
    cursor = await superuser.execute(
        "SELECT l.rolname::text, l.oid::bigint, s.rolname::text, s.oid::bigint FROM pg_roles l"
        " LEFT JOIN pg_auth_members m ON m.member = l.oid LEFT JOIN pg_roles s ON s.oid = m.roleid"
        " WHERE l.rolname ~ %s",
        (LOGIN_PATTERN,),
    )
    assert await cursor.fetchall() == rows
    cursor = await superuser.execute("SELECT rolname::text FROM pg_roles WHERE rolname ~ %s", (SET_PATTERN,))
    assert {name for (name,) in await cursor.fetchall()} == {row[2] for row in rows}


async def assert_recovery(
    restarted: Cluster, superuser: psycopg.AsyncConnection, wanted: Order, ending: Ending
) -> None:
    """An agent that knows nothing puts everything in order, and the same request goes on to its one end."""
    await reconcile(restarted, NOW)
    await assert_agreement(superuser)
    await live(restarted, wanted, ending)
    cursor = await superuser.execute(
        "SELECT stage, attempt BETWEEN 1 AND 2, credential, deletion FROM p0.request WHERE rh = %s", (wanted.rh,)
    )
    assert await cursor.fetchone() == ("ended", True, None, "receipt")
    await assert_agreement(superuser)


@pytest.mark.parametrize("ending", ["end", "sweep"])
@pytest.mark.parametrize(("strike", "mode"), [("lost", "broker"), ("cancelled", "broker"), ("lost", "hardened")])
async def test_a_step_that_fails(strike: Strike, ending: Ending, apart: Managed) -> None:
    async with await apart.superuser(apart.cluster.connections.home) as superuser:
        for at in range(1, STEPS_AT_MOST):
            wanted = order(apart, at)
            interruption = Interruption(strike, at)
            async with place_of(apart).cluster() as cluster:
                life = asyncio.create_task(interrupted(cluster, wanted, ending, interruption))
                with suppress(TransientError, asyncio.CancelledError):
                    await life
            if not interruption.struck:
                assert at > STEPS_AT_LEAST[ending]
                return
            await assert_recovery(apart.cluster, superuser, wanted, ending)
    pytest.fail("a life has no end")


@pytest.mark.parametrize("ending", ["end", "sweep"])
async def test_a_process_that_is_killed(ending: Ending, apart: Managed) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["p0_agent.postgres.cluster", "pytest"])  # what is slow to import, once
    async with await apart.superuser(apart.cluster.connections.home) as superuser:
        for at in range(1, STEPS_AT_MOST):
            wanted = order(apart, at)
            process = processes.Process(target=die, args=(asdict(place_of(apart)), wanted, ending, at))
            process.start()
            await asyncio.to_thread(process.join, 30)
            if process.exitcode == 0:
                assert at > STEPS_AT_LEAST[ending]
                return
            assert process.exitcode == -signal.SIGKILL
            await assert_recovery(apart.cluster, superuser, wanted, ending)
    pytest.fail("a life has no end")


@pytest.mark.parametrize("ending", ["end", "sweep"])
async def test_postgres_dies_after_each_step(ending: Ending, mortal: Managed) -> None:
    for at in range(1, STEPS_AT_MOST):
        wanted = order(mortal, at)
        interruption = Interruption("crashed", at)
        async with await mortal.superuser() as canary, place_of(mortal).cluster() as cluster:
            with suppress(TransientError):
                await interrupted(cluster, wanted, ending, interruption)
            if not interruption.struck:
                assert at > STEPS_AT_LEAST[ending]
                return
            back_again = await postgres_is_back(mortal.server, canary)
        async with back_again as superuser:
            await assert_recovery(mortal.cluster, superuser, wanted, ending)
    pytest.fail("a life has no end")
