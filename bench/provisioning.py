"""Opening and ending through the agent's cluster, against the same SQL run bare."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

import p0_demo
from bench.harness import WARM_UP, Table
from p0_access.permissions.permission import Permission, column, connect, relation, usage
from p0_access.secret import Secret
from p0_agent.postgres import scram
from p0_agent.postgres.bootstrap import bootstrap_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.postgres.ledger import Entry
from p0_agent.postgres.names import login_name, set_role_name
from p0_agent.postgres.provision import Opened, Order
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

LIVE: Final = int(os.environ.get("P0_BENCH_LIVE", "500"))
"""Accesses that are live while another is opened and ended; 10000 takes minutes."""

LIVE_RATIO: Final = 1.3
NOW: Final = 1_790_000_000
LATER: Final = 4_000_000_000

PERMISSIONS: Final[tuple[Permission, ...]] = (
    connect(DATABASE),
    usage("enterprise"),
    *(relation("enterprise", "markets", privilege) for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")),
    *(column("enterprise", "customers", name, "SELECT") for name in ("id", "name", "segment", "email")),
)

_numbers: Iterator[int] = itertools.count(1)


async def run(table: Table) -> None:
    async with _server() as (server, cluster):
        bare, opening, ending = await _side_by_side(server, cluster)
        limit = RATIO * table.add("the same SQL, bare, on one connection", bare, baseline=True).median
        table.add("open", opening)
        table.add("end", ending)
        table.add("open and end", [sum(both) for both in zip(opening, ending, strict=True)], limit=limit)
        alone = None
        for at_once in AT_ONCE:
            row = table.add(f"{at_once} at once, time for each", await _at_once(cluster, at_once), limit=alone)
            alone = alone or FALL * row.median
        await _beside_many(table, cluster)
        for _ in range(EXPIRED):
            await cluster.open(_order(await _approved(cluster)), NOW)
        start = time.perf_counter()
        swept = await cluster.sweep(LATER)
        taken = time.perf_counter() - start
        if swept.failed or len(swept.ended) != EXPIRED:
            raise RuntimeError(f"the sweep ended {len(swept.ended)} of {EXPIRED}: {swept.failed}")
        table.add(f"sweep of {EXPIRED} expired, time for each", [taken / EXPIRED])


async def _side_by_side(server: EmbeddedPostgres, cluster: Cluster) -> tuple[list[float], list[float], list[float]]:
    """Times of the bare SQL, of opening and of ending, by turns, so that what else the machine does meets all alike."""
    bare: list[float] = []
    opening: list[float] = []
    ending: list[float] = []
    async with await psycopg.AsyncConnection.connect(**server.superuser(DATABASE), autocommit=True) as connection:
        await connection.execute("SET ROLE p0_broker")
        for at in range(-WARM_UP, ROUNDS):
            entry = await _approved(cluster)
            times = [time.perf_counter()]
            await _bare(connection)
            times.append(time.perf_counter())
            opened = await cluster.open(_order(entry), NOW)
            times.append(time.perf_counter())
            await _end(cluster, entry, opened)
            times.append(time.perf_counter())
            if at >= 0:
                for taken, start, end in zip((bare, opening, ending), times, times[1:], strict=False):
                    taken.append(end - start)
    return bare, opening, ending


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


async def _beside_many(table: Table, cluster: Cluster) -> None:
    """One access after the other, with the same permissions as all that stay: none first, then `LIVE`."""
    staying = await _approved(cluster)
    held = await cluster.open(_order(staying), NOW)  # so that both find the set role
    few = table.add("open and end beside 1 live", [await _one(cluster) for _ in range(ROUNDS)])
    others = [await _approved(cluster) for _ in range(LIVE - 1)]
    opened = [(each, await cluster.open(_order(each), NOW)) for each in others]
    table.add(
        f"open and end beside {LIVE} live",
        [await _one(cluster) for _ in range(ROUNDS)],
        limit=LIVE_RATIO * few.median,
    )
    for entry, access in ((staying, held), *opened):
        await _end(cluster, entry, access)


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


async def _bare(connection: psycopg.AsyncConnection) -> None:
    """As a careful script does it: roles and grants in one transaction, fence, kill, drop; nothing is read back."""
    number = str(next(_numbers))
    login, role = (
        sql.Identifier(name)
        for name in (
            login_name(person="bare", issuer="https://id.example", subject="bare", rh=number),
            set_role_name(DATABASE, PERMISSIONS, lease=number),
        )
    )
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
        ):
            await connection.execute(_filled(statement, login, role, verifier))
    async with connection.transaction():
        await connection.execute(_filled("ALTER ROLE {login} NOLOGIN", login, role, verifier))
        await connection.execute(_filled("REVOKE {set} FROM {login}", login, role, verifier))
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'nobody'")
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
            ):
                await connection.execute(script.sql.encode())
        agent, reader = (
            Account(host=server.host, port=server.port, user=user, password=password, sslmode="disable")
            for user in ("p0_agent", "p0_reader")
        )
        connections = Connections(agent=agent, reader=reader, home=DATABASE)
        cluster = Cluster(connections, {DATABASE: SCHEMAS}, random=os.urandom, iterations=1)
        await cluster.start("A" * 43, NOW)
        try:
            yield server, cluster
        finally:
            await cluster.close()
