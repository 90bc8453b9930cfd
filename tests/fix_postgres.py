"""A real PostgreSQL for tests: one server a session, fresh databases, and the agent's set-up in them.

`P0_TEST_PG_BIN` names the `bin` directory of another PostgreSQL (14 or newer) to run the suite on.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

import p0_demo
from p0_access.permissions.permission import Kind, Permission, connect
from p0_access.proof.keys import SigningKey
from p0_access.secret import Secret
from p0_agent.config import Ceiling
from p0_agent.postgres import scram
from p0_agent.postgres.bootstrap import bootstrap_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
from p0_agent.postgres.ending import Ended
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.guard import GuardCeiling, GuardPowers
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, login_name
from p0_agent.postgres.powers import BrokerPowers, Powers
from p0_agent.postgres.provision import Opened, Order
from p0_demo.postgres import EmbeddedPostgres

DEMO_SQL = Path(p0_demo.__file__).with_name("data") / "mydatabase.sql"
DEMO_TEMPLATE = "p0_test_template"

_numbers: Iterator[int] = itertools.count(1)


async def superuser_connection(server: EmbeddedPostgres, dbname: str = "postgres") -> psycopg.AsyncConnection:
    """In autocommit mode; use it as a context manager, so that it is closed."""
    return await psycopg.AsyncConnection.connect(**server.superuser(dbname), autocommit=True)


@asynccontextmanager
async def fresh_database(
    server: EmbeddedPostgres, *, name: str | None = None, template: str = DEMO_TEMPLATE
) -> AsyncIterator[str]:
    """A database of its own for one test, dropped afterwards. Roles that a test makes are its own to drop."""
    chosen = name if name is not None else f"test_{next(_numbers)}"
    async with await superuser_connection(server) as connection:
        # Written once, and not to the log as well.
        copying = " STRATEGY file_copy" if connection.info.server_version >= 15_00_00 else ""
        await connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}" + copying).format(sql.Identifier(chosen), sql.Identifier(template))
        )
        try:
            yield chosen
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(chosen)))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """The session's server; a template database in it holds the demo's data."""
    named = os.environ.get("P0_TEST_PG_BIN")
    settings = {"fsync": "off", "max_connections": "200", "max_prepared_transactions": "20", "max_wal_size": "128MB"}
    async with EmbeddedPostgres(binaries=Path(named) if named else None, settings=settings) as server:
        async with await superuser_connection(server) as connection:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DEMO_TEMPLATE)))
        async with await superuser_connection(server, DEMO_TEMPLATE) as connection:
            await connection.execute(DEMO_SQL.read_bytes())
            await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # which it had before PostgreSQL 15
        yield server


@pytest.fixture
async def demo_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The name of a fresh database with the demo's data, not yet bootstrapped."""
    async with fresh_database(postgres) as name:
        yield name


AGENT_KEY = SigningKey(b"\x05" * 32)
THUMBPRINT = AGENT_KEY.public.thumbprint
PASSWORDS = (Secret(secrets.token_urlsafe(16)), Secret(secrets.token_urlsafe(16)))
"""The agent's and the reader's, for all of the session: their roles belong to the whole server."""

NOW = 1_790_000_000
LATER = 4_000_000_000
"""Far in the future for the server's own clock, which VALID UNTIL goes by."""


Mode = Literal["broker", "hardened"]
BOTH_MODES = pytest.mark.parametrize("mode", os.environ.get("P0_TEST_MODES", "broker hardened").split())
"""Or the one that matters: before PostgreSQL 16 that is the hardened mode."""
GUARD_CEILING = GuardCeiling(
    max_ttl=LATER,
    max_permissions=1_000,
    connections=5,
    privileges=("CONNECT", "TEMPORARY", "USAGE", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "EXECUTE"),
    kinds=(*Ceiling().kinds, Kind.LARGE_OBJECT),
)


def powers_of(mode: Mode) -> Powers:
    return GuardPowers() if mode == "hardened" else BrokerPowers()


@dataclass(frozen=True, kw_only=True)
class Managed:
    """A fresh database with the demo's data, set up for the agent, and a cluster started on it."""

    server: EmbeddedPostgres
    database: str
    agent: Account
    reader: Account
    cluster: Cluster

    async def superuser(self, dbname: str | None = None) -> psycopg.AsyncConnection:
        return await superuser_connection(self.server, dbname or self.database)

    async def login(self, opened: Opened, dbname: str | None = None) -> psycopg.AsyncConnection:
        """As whoever was given the login."""
        return await psycopg.AsyncConnection.connect(
            host=self.server.host,
            port=self.server.port,
            user=opened.login,
            password=opened.password.reveal(),
            dbname=dbname or self.database,
            autocommit=True,
        )

    async def approved(self, database: str | None = None) -> Entry:
        """A new request at the stage where it may be opened."""
        number = next(_numbers)
        ledger = self.cluster.ledger
        await ledger.claim(
            rh=f"rh-{number}", rid=f"rid-{number}", database=database or self.database, request="jws", now=NOW
        )
        return await ledger.admit(f"rh-{number}", "jws", "approved", NOW)

    def order(self, entry: Entry, *permissions: Permission, read_only: bool = True) -> Order:
        """CONNECT is added."""
        return Order(
            rh=entry.rh,
            rid=entry.rid,
            database=entry.database,
            login=login_name(person="ada@example.com", issuer="https://issuer", subject="ada", rh=entry.rh),
            permissions=(connect(entry.database), *permissions),
            not_after=LATER,
            read_only=read_only,
        )

    async def open(self, *permissions: Permission, read_only: bool = True) -> tuple[Entry, Opened]:
        entry = await self.approved()
        return entry, await self.cluster.open(self.order(entry, *permissions, read_only=read_only), NOW)

    async def end(self, entry: Entry) -> Ended:
        """All the way, receipt included; fails if anything is left."""
        ended = await self.cluster.end(await self.cluster.ledger.begin_end(entry.rh, "revoked", NOW))
        assert ended.residue == ()
        await self.cluster.ledger.end(entry.rh, "receipt", NOW)
        return ended

    async def roles(self) -> list[str]:
        """Every trace that roles of the agent's making have in the cluster, in words."""
        async with await self.superuser() as connection:
            return await made_roles(connection)


async def made_roles(connection: psycopg.AsyncConnection) -> list[str]:
    cursor = await connection.execute(
        "SELECT 'role ' || rolname FROM pg_roles WHERE rolname ~ %(pattern)s"
        " UNION ALL SELECT 'membership ' || m.roleid || ' ' || m.member FROM pg_auth_members m"
        "   WHERE (m.roleid::regrole::text || ' ' || m.member::regrole::text) ~ 'p0_(set|ada)_'"
        "   OR NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = m.roleid)"
        "   OR NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = m.member)"
        " UNION ALL SELECT 'dependency ' || d.classid::regclass || ' ' || d.objid FROM pg_shdepend d"
        "   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid >= 16384 AND (d.refobjid::regrole::text"
        "   ~ 'p0_(set|ada)_' OR NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = d.refobjid))"
        " UNION ALL SELECT 'setting ' || setrole FROM pg_db_role_setting s"
        "   WHERE s.setrole <> 0 AND NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = s.setrole)"
        " UNION ALL SELECT 'comment ' || objoid FROM pg_shdescription c"
        "   WHERE c.classoid = 'pg_authid'::regclass AND NOT EXISTS (SELECT FROM pg_authid a WHERE a.oid = c.objoid)"
        " UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts"
        " ORDER BY 1",
        {"pattern": f"{LOGIN_PATTERN}|{SET_PATTERN}"},
    )
    return [str(found) for (found,) in await cursor.fetchall()]


async def bootstrap(
    server: EmbeddedPostgres,
    home: str,
    databases: Mapping[str, tuple[str, ...]],
    mode: Mode = "broker",
    *,
    keeping: Collection[str] = (),
) -> tuple[Account, Account]:
    """Runs the bootstrap SQL as a DBA would; returns the agent's and the reader's accounts."""
    verifiers = [scram.verifier(password, secrets.token_bytes(16), iterations=1) for password in PASSWORDS]
    async with await superuser_connection(server) as connection:
        version = connection.info.server_version // 10_000
    for script in bootstrap_sql(
        server_version=version,
        home=home,
        databases=databases,
        agent_verifier=verifiers[0],
        reader_verifier=verifiers[1],
        hardened=GUARD_CEILING if mode == "hardened" else None,
        large_objects=True,
        keeping=keeping,
    ):
        async with await superuser_connection(server, script.database) as connection:
            await connection.execute(script.sql.encode())
    agent, reader = (
        Account(host=server.host, port=server.port, user=user, password=password, sslmode="disable")
        for user, password in zip(("p0_agent", "p0_reader"), PASSWORDS, strict=True)
    )
    return agent, reader


@asynccontextmanager
async def managing(
    server: EmbeddedPostgres,
    home: str,
    databases: Mapping[str, tuple[str, ...]],
    mode: Mode = "broker",
    *,
    keeping: Collection[str] = (),
) -> AsyncIterator[Managed]:
    """A cluster started on `databases`; fails the test if a role of its making is left at the end."""
    agent, reader = await bootstrap(server, home, databases, mode, keeping=keeping)
    cluster = Cluster(
        Connections(agent=agent, reader=reader, home=home, powers=powers_of(mode), keeping=keeping),
        databases,
        random=os.urandom,
        iterations=1,
        broker_on_old_versions=True,
    )
    await cluster.start(THUMBPRINT, NOW)
    managed = Managed(server=server, database=next(iter(databases)), agent=agent, reader=reader, cluster=cluster)
    try:
        yield managed
        left = await managed.roles()
    finally:
        await cluster.close()
        await _drop_made_roles(server)
    assert left == []


async def _drop_made_roles(server: EmbeddedPostgres) -> None:
    """So that one test's failure stays its own. As the broker, since only who granted a privilege revokes it."""
    async with await superuser_connection(server) as connection:
        cursor = await connection.execute(
            "SELECT r.rolname::text, d.datname::text FROM pg_roles r CROSS JOIN pg_database d"
            " WHERE r.rolname ~ %s AND d.datallowconn ORDER BY 1",
            (f"{LOGIN_PATTERN}|{SET_PATTERN}",),
        )
        places = [(str(role), str(database)) for role, database in await cursor.fetchall()]
    for role, database in places:
        async with await superuser_connection(server, database) as connection:
            await connection.execute(
                sql.SQL("GRANT {0} TO p0_broker; SET ROLE p0_broker; DROP OWNED BY {0}").format(sql.Identifier(role))
            )
    async with await superuser_connection(server) as connection:
        for role in dict.fromkeys(role for role, _ in places):
            await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def mode() -> Mode:
    """The mode of the agent in `managed`. A module whose tests hold for both has `pytestmark = BOTH_MODES`."""
    return "broker"


@pytest.fixture
async def managed(postgres: EmbeddedPostgres, demo_database: str, mode: Mode) -> AsyncIterator[Managed]:
    """The demo's database under an agent that has its home there too."""
    async with managing(postgres, demo_database, {demo_database: ("enterprise", "ledger")}, mode) as found:
        yield found


MORTAL = "mydatabase"
BACK_SECONDS = 30.0
"""How long PostgreSQL may take to be there again."""


@pytest.fixture
async def mortal() -> AsyncIterator[Managed]:
    """A server of its own, since it dies many times."""
    named = os.environ.get("P0_TEST_PG_BIN")
    async with EmbeddedPostgres(binaries=Path(named) if named else None, settings={"fsync": "off"}) as server:
        async with await superuser_connection(server) as superuser:
            await superuser.execute(f"CREATE DATABASE {MORTAL}")
        async with await superuser_connection(server, MORTAL) as superuser:
            await superuser.execute(DEMO_SQL.read_bytes())
            await superuser.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as above
        async with managing(server, MORTAL, {MORTAL: ("enterprise",)}) as managed:
            yield managed


async def postgres_is_back(server: EmbeddedPostgres, canary: psycopg.AsyncConnection) -> psycopg.AsyncConnection:
    """The superuser's connection, once `canary` has died with the rest, and as soon as there can be one again."""
    async with asyncio.timeout(BACK_SECONDS):
        with suppress(psycopg.OperationalError):
            while True:
                await canary.execute("SELECT pg_sleep(0.001)")
        while True:
            with suppress(psycopg.OperationalError):
                return await superuser_connection(server, MORTAL)
            await asyncio.sleep(0.01)
