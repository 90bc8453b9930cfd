"""A real PostgreSQL for tests: one server a session, fresh databases, and the agent's set-up in them.

`P0_TEST_PG_BIN` names the `bin` directory of another PostgreSQL (14 or newer) to run the suite on.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

import p0_demo
from p0_access.secret import Secret
from p0_agent.postgres import scram
from p0_agent.postgres.bootstrap import bootstrap_sql
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.connections import Account, Connections
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
        await connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(chosen), sql.Identifier(template))
        )
        try:
            yield chosen
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(chosen)))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[EmbeddedPostgres]:
    """The session's server; a template database in it holds the demo's data."""
    named = os.environ.get("P0_TEST_PG_BIN")
    settings = {"fsync": "off", "max_connections": "200", "max_prepared_transactions": "20"}
    async with EmbeddedPostgres(binaries=Path(named) if named else None, settings=settings) as server:
        async with await superuser_connection(server) as connection:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DEMO_TEMPLATE)))
        async with await superuser_connection(server, DEMO_TEMPLATE) as connection:
            await connection.execute(DEMO_SQL.read_bytes())
        yield server


@pytest.fixture
async def demo_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The name of a fresh database with the demo's data, not yet bootstrapped."""
    async with fresh_database(postgres) as name:
        yield name


@dataclass(frozen=True, kw_only=True)
class Managed:
    """A fresh database with the demo's data, set up for the agent and its own home; a cluster started on it."""

    server: EmbeddedPostgres
    database: str
    schemas: tuple[str, ...]
    agent: Account
    reader: Account
    cluster: Cluster

    async def superuser(self, dbname: str | None = None) -> psycopg.AsyncConnection:
        return await superuser_connection(self.server, dbname or self.database)

    async def login(self, user: str, password: Secret, dbname: str | None = None) -> psycopg.AsyncConnection:
        """As somebody who was given a login."""
        return await psycopg.AsyncConnection.connect(
            host=self.server.host,
            port=self.server.port,
            user=user,
            password=password.reveal(),
            dbname=dbname or self.database,
            autocommit=True,
        )


THUMBPRINT = "A" * 43
STARTED_AT = 1_790_000_000


async def bootstrap(
    server: EmbeddedPostgres, home: str, databases: Mapping[str, tuple[str, ...]]
) -> tuple[Account, Account]:
    """Runs the bootstrap SQL as a DBA would; returns the agent's and the reader's accounts."""
    passwords = [Secret(secrets.token_urlsafe(16)) for _ in range(2)]
    verifiers = [scram.verifier(password, secrets.token_bytes(16)) for password in passwords]
    async with await superuser_connection(server) as connection:
        version = connection.info.server_version // 10_000
    for script in bootstrap_sql(
        server_version=version,
        home=home,
        databases=databases,
        agent_verifier=verifiers[0],
        reader_verifier=verifiers[1],
    ):
        async with await superuser_connection(server, script.database) as connection:
            await connection.execute(script.sql.encode())
    agent, reader = (
        Account(host=server.host, port=server.port, user=user, password=password, sslmode="disable")
        for user, password in zip(("p0_agent", "p0_reader"), passwords, strict=True)
    )
    return agent, reader


@pytest.fixture
async def managed(postgres: EmbeddedPostgres, demo_database: str) -> AsyncIterator[Managed]:
    schemas = ("enterprise", "ledger")
    agent, reader = await bootstrap(postgres, demo_database, {demo_database: schemas})
    cluster = Cluster(
        Connections(agent=agent, reader=reader, home=demo_database), {demo_database: schemas}, random=os.urandom
    )
    await cluster.start(THUMBPRINT, STARTED_AT)
    yield Managed(server=postgres, database=demo_database, schemas=schemas, agent=agent, reader=reader, cluster=cluster)
    await cluster.close()
