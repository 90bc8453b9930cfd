"""A real PostgreSQL for tests: one server a session, fresh databases from templates.

`P0_TEST_PG_BIN` names the `bin` directory of another PostgreSQL (14 or newer) to run the suite on.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql

import p0_demo
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
