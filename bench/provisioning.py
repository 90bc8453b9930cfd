"""Opening and ending through the agent's cluster: against the same SQL run bare, many at once, beside many that live.

The same SQL, bare: what sending the very messages and having their answers takes, in the rounds that are measured. What
is above it is the agent's: composing, deciding, and going from one connection to the other. A second yardstick is the
script that one would write by hand, which keeps no ledger, takes no lock and reads nothing back.

Those that live beside are made by the statements of the product, many in one message; the drift watchdog and the sweep
say that they are as an opening leaves them. `P0_BENCH_LIVE` is how many, `P0_BENCH_MODE` may be "hardened".
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import msgspec
import psycopg
from psycopg import sql

import p0_demo
from bench.harness import WARM_UP, Table
from p0_access.encoding import encode
from p0_access.permissions.permission import Kind, Permission, canonical, column, connect, relation, usage
from p0_access.routing.decision import Session
from p0_access.secret import Secret
from p0_agent.postgres import scram
from p0_agent.postgres.bootstrap import bootstrap_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.postgres.entries import Entry, provisioned
from p0_agent.postgres.guard import GuardCeiling, GuardPowers
from p0_agent.postgres.messages import send
from p0_agent.postgres.names import login_name, set_role_name
from p0_agent.postgres.powers import BrokerPowers, NewLogin
from p0_agent.postgres.provision import Opened, Order
from p0_agent.postgres.settings import session_settings
from p0_agent.postgres.sweep import Swept
from p0_agent.worker import TICK_SECONDS
from p0_demo.postgres import EmbeddedPostgres

TITLE: Final = "Provisioning: an access of 10 privileges, fsync on"
DATABASE: Final = "bench"
SCHEMAS: Final = ("enterprise", "ledger")
ROUNDS: Final = 40
AT_ONCE: Final = (1, 8, 32)
CYCLES: Final = 96
"""How many accesses are opened and ended for each number at once."""

EXPIRED: Final = 1_000
RATIO: Final = 1.5
FALL: Final = 1.1
"""How much longer each of many at once may take than one alone, for throughput not to fall."""

LIVE: Final = int(os.environ.get("P0_BENCH_LIVE", "10000"))
"""Accesses that are live while another is opened and ended."""

HARDENED: Final = os.environ.get("P0_BENCH_MODE") == "hardened"
BATCH: Final = 250
"""How many of those are made in one message."""

ENDS_WITHIN: Final = 1.0

LIVE_RATIO: Final = 1.3
NOW: Final = 1_790_000_000
LATER: Final = 4_000_000_000

PERMISSIONS: Final[tuple[Permission, ...]] = (
    connect(DATABASE),
    usage("enterprise"),
    *(relation("enterprise", "markets", privilege) for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")),
    *(column("enterprise", "customers", name, "SELECT") for name in ("id", "name", "segment", "email")),
)

CEILING: Final = GuardCeiling(
    max_ttl=LATER,
    max_permissions=100,
    connections=5,
    privileges=("CONNECT", "USAGE", "SELECT", "INSERT", "UPDATE", "DELETE"),
    kinds=(Kind.DATABASE, Kind.SCHEMA, Kind.RELATION, Kind.COLUMN),
)

_numbers: Iterator[int] = itertools.count(1)


async def run(table: Table) -> None:
    async with _server() as (server, cluster):
        by_hand, bare, opening, ending = await _side_by_side(server, cluster)
        limit = RATIO * table.add("the same SQL, bare", bare, baseline=True).median
        table.add("a script by hand: roles and grants only", by_hand)
        table.add("open", opening)
        table.add("end", ending)
        table.add("open and end", [sum(both) for both in zip(opening, ending, strict=True)], limit=limit)
        alone = None
        for at_once in AT_ONCE:
            row = table.add(f"{at_once} at once, time for each", await _at_once(cluster, at_once), limit=alone)
            alone = alone or FALL * row.median
        await _sweeping(table, cluster)
        table.add("expiry to last session gone", [await _expiry(cluster, server)], limit=ENDS_WITHIN)
        await _beside_many(table, cluster, server)


async def _side_by_side(server: EmbeddedPostgres, cluster: Cluster) -> tuple[list[float], ...]:
    """Times of the script by hand, of the bare SQL, of opening and of ending, by turns, so that what else the machine
    does meets all alike."""
    by_hand: list[float] = []
    bare: list[float] = []
    opening: list[float] = []
    ending: list[float] = []
    async with await psycopg.AsyncConnection.connect(**server.superuser(DATABASE), autocommit=True) as connection:
        await connection.execute("SET ROLE p0_broker")
        for at in range(-WARM_UP, ROUNDS):
            entry = await _approved(cluster)
            times = [time.perf_counter()]
            await _script(connection)
            times.append(time.perf_counter())
            with _answered() as messages:
                opened = await cluster.open(_order(entry), NOW)
                times.append(time.perf_counter())
                await _end(cluster, entry, opened)
                times.append(time.perf_counter())
            if at >= 0:
                for taken, start, end in zip((by_hand, opening, ending), times, times[1:], strict=False):
                    taken.append(end - start)
                bare.append(sum(messages))
    return by_hand, bare, opening, ending


@contextmanager
def _answered() -> Iterator[list[float]]:
    """How long each message of psycopg's connections took, from its sending until the answer was there: `wait` is where
    psycopg hands over what it has composed."""
    taken: list[float] = []
    original = psycopg.AsyncConnection.wait

    async def wait(connection: psycopg.AsyncConnection, *arguments: Any, **named: Any) -> object:
        start = time.perf_counter()
        try:
            return await original(connection, *arguments, **named)
        finally:
            taken.append(time.perf_counter() - start)

    with patch.object(psycopg.AsyncConnection, "wait", wait):
        yield taken


async def _at_once(cluster: Cluster, at_once: int) -> list[float]:
    """All on the same tables; an error of any ends the benchmark."""
    entries = [await _approved(cluster) for _ in range(CYCLES)]
    waiting = iter(entries)

    async def work() -> None:
        for entry in waiting:
            await _end(cluster, entry, await cluster.open(_order(entry), NOW))

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return [(time.perf_counter() - start) / CYCLES]


async def _sweeping(table: Table, cluster: Cluster) -> None:
    """Many that are past their end, and how long what somebody ends meanwhile takes."""
    await _live(cluster, EXPIRED, not_after=NOW + 60)
    waited: list[float] = []
    start = time.perf_counter()
    sweeping = asyncio.create_task(cluster.sweep(NOW + 60))
    while not sweeping.done():
        entry = await _approved(cluster)
        opened = await cluster.open(_order(entry), NOW)
        begun = time.perf_counter()
        await _end(cluster, entry, opened)
        waited.append(time.perf_counter() - begun)
    swept = await sweeping
    taken = time.perf_counter() - start
    if swept.failed or len(swept.ended) != EXPIRED:
        raise RuntimeError(f"the sweep ended {len(swept.ended)} of {EXPIRED}: {swept.failed}")
    for done in swept.ended:
        await cluster.ledger.end(done.entry.rh, "receipt", NOW)
    table.add(f"sweep of {EXPIRED} expired, time for each", [taken / EXPIRED])
    table.add("an end asked for meanwhile", waited, limit=ENDS_WITHIN)


async def _expiry(cluster: Cluster, server: EmbeddedPostgres) -> float:
    """From the end of an access until its session, which runs a query, is told, by a clock that ticks as the agent's
    does."""
    entry, now = await _approved(cluster), int(time.time())
    order = msgspec.structs.replace(_order(entry), not_after=now + 2)
    opened = await cluster.open(order, now)
    gone = asyncio.create_task(_asleep(server, opened))
    due: tuple[Entry, ...] = ()
    while not due:
        await asyncio.sleep(TICK_SECONDS)
        due = await cluster.ledger.due(int(time.time()))
    await cluster.end(await cluster.ledger.begin_end(due[0].rh, "expired", now))
    told = await gone
    await cluster.ledger.end(entry.rh, "receipt", now)
    return told - order.not_after


async def _asleep(server: EmbeddedPostgres, opened: Opened) -> float:
    """When the server ended it."""
    account = server.superuser(DATABASE) | {"user": opened.login, "password": opened.password.reveal()}
    async with await psycopg.AsyncConnection.connect(**account, autocommit=True) as connection:
        try:
            await connection.execute("SELECT pg_sleep(60)")
        except psycopg.errors.AdminShutdown:
            return time.time()
    raise RuntimeError(f"{opened.login} slept through its end")


async def _beside_many(table: Table, cluster: Cluster, server: EmbeddedPostgres) -> None:
    """One access after the other, with the same permissions as all that stay: one first, then more and more."""
    live, limit = 0, None
    for many in sorted({1, min(1_000, LIVE), LIVE}):
        await _live(cluster, many - live, not_after=LATER)
        live = many
        async with await psycopg.AsyncConnection.connect(**server.superuser(DATABASE), autocommit=True) as connection:
            await connection.execute("VACUUM ANALYZE")  # as PostgreSQL does by itself within minutes
        taken = [await _one(cluster) for _ in range(ROUNDS)]
        row = table.add(f"open and end beside {live} live", taken, limit=limit)
        limit = limit or LIVE_RATIO * row.median
    start = time.perf_counter()
    drift, swept = await cluster.drift(), await cluster.sweep(NOW)
    table.add(f"a look for drift, and a sweep, at {live} live", [time.perf_counter() - start])
    if drift or swept != Swept(ended=(), orphans=(), sets=(), failed={}):
        raise RuntimeError(f"not as an opening leaves them: {drift[:3]} {swept}")


async def _live(cluster: Cluster, many: int, *, not_after: int) -> None:
    """So many more, with one set role; all but the first in few messages."""
    entry = await _approved(cluster)
    order = msgspec.structs.replace(_order(entry), not_after=not_after)
    opened = await cluster.open(order, NOW)
    for batch in range(0, many - 1, BATCH):
        statements: list[sql.Composable] = []
        for _ in range(min(BATCH, many - 1 - batch)):
            statements += _statements(cluster, entry, opened)
        async with cluster.connections.control() as connection:
            await send(connection, *statements)


def _statements(cluster: Cluster, like: Entry, opened: Opened) -> tuple[sql.Composable, ...]:
    """What makes another one as `like`: its row, its login, and the step of the ledger."""
    rh = f"bench-{next(_numbers)}"
    verifier = opened.verifier.reveal()
    login = NewLogin(
        name=_order(msgspec.structs.replace(like, rh=rh)).login,
        set_role=opened.set_role,
        verifier=verifier,
        not_after=opened.not_after,
        connection_limit=5,
        comment=f"p0 request {rh}",
        settings=session_settings(
            Session(), read_only=False, search_path=("public",), application_name=f"p0/{rh}", privileged=False
        ),
    )
    return (
        sql.SQL(
            "INSERT INTO p0.request (rh, rid, database, stage, request, admission, claimed_at, updated_at)"
            " SELECT {0}, {0}, database, 'approved', request, admission, claimed_at, updated_at FROM p0.request"
            " WHERE rh = {1}"
        ).format(sql.Literal(rh), sql.Literal(like.rh)),
        cluster.connections.powers.make_login(login, shared=True),
        provisioned(
            msgspec.structs.replace(like, rh=rh, stage="approved"),
            login=login.name,
            set_role=opened.set_role,
            verifier=verifier,
            granted=encode(canonical(PERMISSIONS)).decode(),
            not_after=opened.not_after,
            now=NOW,
        ),
    )


async def _one(cluster: Cluster) -> float:
    entry = await _approved(cluster)
    start = time.perf_counter()
    await _end(cluster, entry, await cluster.open(_order(entry), NOW))
    return time.perf_counter() - start


async def _approved(cluster: Cluster) -> Entry:
    name = f"bench-{next(_numbers)}"
    await cluster.ledger.claim(rh=name, rid=name, database=DATABASE, request="jws", now=NOW)
    return await cluster.ledger.admit(name, "jws", "approved", NOW)


def _order(entry: Entry) -> Order:
    return Order(
        rh=entry.rh,
        rid=entry.rid,
        database=DATABASE,
        login=login_name(person="ada@example.com", issuer="https://id.example", subject="ada", rh=entry.rh),
        permissions=PERMISSIONS,
        not_after=LATER,
        read_only=False,
    )


async def _end(cluster: Cluster, entry: Entry, opened: Opened) -> None:
    ended = await cluster.end(await cluster.ledger.begin_end(entry.rh, "revoked", NOW))
    if ended.residue:
        raise RuntimeError(f"left of {opened.login}: {ended.residue}")
    await cluster.ledger.end(entry.rh, "receipt", NOW)


async def _script(connection: psycopg.AsyncConnection) -> None:
    """As a careful script does it: roles, grants and settings in one transaction, fence, kill, drop. All that the agent
    does to roles, and nothing else: no lock, no ledger and no receipt, and nothing is read back."""
    number = str(next(_numbers))
    name = login_name(person="bare", issuer="https://id.example", subject="bare", rh=number)
    login, role = sql.Identifier(name), sql.Identifier(set_role_name(DATABASE, PERMISSIONS, lease=number))
    verifier = scram.verifier(scram.new_password(os.urandom), os.urandom(scram.SALT_BYTES), 1)
    async with connection.transaction():
        for statement in (
            "CREATE ROLE {set} NOLOGIN",
            "GRANT CONNECT ON DATABASE bench TO {set}",
            "GRANT USAGE ON SCHEMA enterprise TO {set}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON enterprise.markets TO {set}",
            "GRANT SELECT (id, name, segment, email) ON enterprise.customers TO {set}",
            "CREATE ROLE {login} LOGIN CONNECTION LIMIT 5 VALID UNTIL '2096-10-02' PASSWORD {verifier}",
            "GRANT {set} TO {login} WITH INHERIT TRUE, SET FALSE",
            "GRANT {login} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE",
            "GRANT {set} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE",
            "COMMENT ON ROLE {login} IS 'request'",
            "ALTER ROLE {login} SET statement_timeout = '900s'",
            "ALTER ROLE {login} SET idle_in_transaction_session_timeout = '300s'",
            "ALTER ROLE {login} SET idle_session_timeout = '3600s'",
            "ALTER ROLE {login} SET default_transaction_read_only = off",
            "ALTER ROLE {login} SET search_path = public, pg_temp",
            "ALTER ROLE {login} SET application_name = 'p0/request'",
        ):
            await connection.execute(_filled(statement, login, role, verifier))
    async with connection.transaction():
        await connection.execute(_filled("ALTER ROLE {login} NOLOGIN", login, role, verifier))
        await connection.execute(_filled("REVOKE {set} FROM {login}", login, role, verifier))
    terminate = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}")
    await connection.execute(terminate.format(sql.Literal(name)))
    async with connection.transaction():
        await connection.execute(_filled("DROP OWNED BY {login}, {set}", login, role, verifier))
        await connection.execute(_filled("DROP ROLE {login}, {set}", login, role, verifier))


def _filled(statement: str, login: sql.Identifier, role: sql.Identifier, verifier: str) -> sql.Composed:
    return sql.SQL(statement).format(login=login, set=role, verifier=sql.Literal(verifier))


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[EmbeddedPostgres, Cluster]]:
    password = Secret(secrets.token_urlsafe(16))
    data = Path(p0_demo.__file__).with_name("data") / "mydatabase.sql"
    async with EmbeddedPostgres(settings={"max_connections": "100"}) as server:
        async with await psycopg.AsyncConnection.connect(**server.superuser(), autocommit=True) as connection:
            await connection.execute("CREATE DATABASE bench")
            version = connection.info.server_version // 10_000
        async with await psycopg.AsyncConnection.connect(**server.superuser(DATABASE), autocommit=True) as connection:
            await connection.execute(data.read_bytes())
            verifiers = [scram.verifier(password, os.urandom(16)) for _ in range(2)]
            for script in bootstrap_sql(
                server_version=version,
                home=DATABASE,
                databases={DATABASE: SCHEMAS},
                agent_verifier=verifiers[0],
                reader_verifier=verifiers[1],
                hardened=CEILING if HARDENED else None,
            ):
                await connection.execute(script.sql.encode())
        agent, reader = (
            Account(host=server.host, port=server.port, user=user, password=password, sslmode="disable")
            for user in ("p0_agent", "p0_reader")
        )
        powers = GuardPowers() if HARDENED else BrokerPowers()
        connections = Connections(agent=agent, reader=reader, home=DATABASE, powers=powers)
        cluster = Cluster(connections, {DATABASE: SCHEMAS}, random=os.urandom, iterations=1)
        await cluster.start("A" * 43, NOW)
        try:
            yield server, cluster
        finally:
            await cluster.close()
