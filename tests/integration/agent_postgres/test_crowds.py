"""Logins that own more than one transaction can drop: the server has room for few locks here."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from fix_postgres import (
    BOTH_MODES,
    DEMO_SQL,
    DEMO_TEMPLATE,
    Managed,
    Mode,
    fresh_database,
    managing,
    superuser_connection,
)
from p0_access.permissions.permission import relation, usage
from p0_agent.postgres.provision import Opened
from p0_demo.postgres import EmbeddedPostgres

pytestmark = [BOTH_MODES, pytest.mark.asyncio(loop_scope="module")]
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))
TIGHT = {"fsync": "off", "max_connections": "20", "max_locks_per_transaction": "16", "max_wal_senders": "0"}
TABLES = 450

MAKES = f"""
DO $$
BEGIN
  FOR n IN 1 .. {TABLES} LOOP
    EXECUTE format('CREATE TABLE {{schema}}.t%s (id int PRIMARY KEY, other int)', n);
    IF n % 3 = 0 THEN
      EXECUTE format('CREATE VIEW {{schema}}.v%s AS SELECT * FROM {{schema}}.t%s', n, n);
    ELSIF n % 3 = 1 AND n > 3 THEN -- around in circles
      EXECUTE format('ALTER TABLE {{schema}}.t%s ADD FOREIGN KEY (other) REFERENCES {{schema}}.t%s', n, n - 3);
      EXECUTE format('ALTER TABLE {{schema}}.t%s ADD FOREIGN KEY (other) REFERENCES {{schema}}.t%s', n - 3, n);
    END IF;
    IF n % 20 = 0 THEN
      COMMIT;
    END IF;
  END LOOP;
END
$$
"""
ODD = """
CREATE DOMAIN {schema}.word AS text;
CREATE TYPE {schema}.pair AS (a int, b {schema}.word);
CREATE TYPE {schema}.mood AS ENUM ('good');
CREATE AGGREGATE {schema}.rows(*) (sfunc = int8inc, stype = int8, initcond = '0');
CREATE FUNCTION {schema}.plain({schema}.pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE CAST ({schema}.pair AS int) WITH FUNCTION {schema}.plain({schema}.pair);
CREATE TABLE {schema}.own (id int PRIMARY KEY, up int REFERENCES {schema}.own);
CREATE TABLE {schema}.twice (id int, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE SEQUENCE {schema}.numbers
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tight() -> AsyncIterator[EmbeddedPostgres]:
    named = os.environ.get("P0_TEST_PG_BIN")
    async with EmbeddedPostgres(binaries=Path(named) if named else None, settings=TIGHT) as server:
        async with await superuser_connection(server) as superuser:
            await superuser.execute(f"CREATE DATABASE {DEMO_TEMPLATE}".encode())
        async with await superuser_connection(server, DEMO_TEMPLATE) as superuser:
            await superuser.execute(DEMO_SQL.read_bytes())
        yield server


async def assert_too_many(managed: Managed, opened: Opened) -> None:
    async with await managed.login(opened) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.OutOfMemory):
            await connection.execute("DROP OWNED BY CURRENT_USER")


async def test_more_tables_than_one_transaction_can_lock_are_dropped_in_every_database(
    tight: EmbeddedPostgres, mode: Mode
) -> None:
    async with (
        fresh_database(tight) as database,
        fresh_database(tight) as other,
        managing(tight, database, {database: ("enterprise",)}, mode) as managed,
    ):
        for place in (database, other):
            async with await managed.superuser(place) as superuser:
                await superuser.execute(
                    "GRANT CREATE ON SCHEMA enterprise TO PUBLIC; GRANT USAGE ON SCHEMA enterprise TO PUBLIC"
                )
        entry, opened = await managed.open(*MARKETS, read_only=False)
        for place, makes in ((database, MAKES), (database, ODD), (other, ODD)):
            async with await managed.login(opened, place) as connection:
                await connection.execute(makes.replace("{schema}", "enterprise").encode())
        await assert_too_many(managed, opened)
        ended = await managed.end(entry)
        assert ended.residue == ()
        assert await managed.roles() == []


async def test_more_large_objects_than_one_transaction_can_lock_are_dropped_in_every_database(
    tight: EmbeddedPostgres, mode: Mode
) -> None:
    async with (
        fresh_database(tight) as database,
        fresh_database(tight) as other,
        managing(tight, database, {database: ("enterprise",)}, mode) as managed,
    ):
        entry, opened = await managed.open(*MARKETS)
        for place in (database, other):
            async with await managed.login(opened, dbname=place) as connection:
                await connection.execute("SET default_transaction_read_only = off")
                for _ in range(10):
                    await connection.execute("SELECT count(lo_create(0)) FROM generate_series(1, 400)")
        await assert_too_many(managed, opened)
        await managed.end(entry)
        assert await managed.roles() == []
        for place in (database, other):
            async with await managed.superuser(place) as connection:
                cursor = await connection.execute("SELECT count(*) FROM pg_largeobject_metadata")
                assert await cursor.fetchone() == (0,)
