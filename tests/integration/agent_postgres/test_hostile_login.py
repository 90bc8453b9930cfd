"""A login that does all it can against its end: it ends all the same, and the catalogs are what they were before."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import psycopg
import pytest
from psycopg import sql

from fix_postgres import BOTH_MODES, Managed
from p0_access.permissions.permission import column, relation, usage

pytestmark = BOTH_MODES
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))

IN_THE_WAY = [
    "ALTER ROLE {login} PASSWORD 'mine'",
    "ALTER ROLE {login} SET work_mem = '1GB'",
    "ALTER ROLE {login} IN DATABASE {database} SET work_mem = '1GB'",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "SELECT lo_from_bytea(0, 'mine')",
    "LOCK TABLE enterprise.markets IN ACCESS SHARE MODE",
]


GRANTS_OF_ITSELF = ["GRANT {login} TO p0_agent", "GRANT {login} TO p0_broker"]
"""Which a login can make before PostgreSQL 15."""


@pytest.mark.parametrize("prepared", [False, True])
async def test_no_transaction_of_its_own_is_in_the_way(prepared: bool, managed: Managed) -> None:
    async with await managed.superuser() as superuser:
        grants = GRANTS_OF_ITSELF if superuser.info.server_version < 150000 else []
    if prepared:  # as the broker, which before 16 an agent is at its own risk, it can be held up
        grants = [each for each in grants if managed.cluster.connections.powers.apart]
    for statement in (*IN_THE_WAY, *grants):
        entry, opened = await managed.open(*MARKETS, read_only=False)
        connection = await managed.login(opened)
        await connection.execute("BEGIN")
        names = {"login": sql.Identifier(opened.login), "database": sql.Identifier(managed.database)}
        await connection.execute(sql.SQL(statement).format(**names))
        if prepared:
            await connection.execute("PREPARE TRANSACTION 'in the way'")
        try:
            await managed.end(entry)
        finally:
            await connection.close()
            left = await rolled_back(managed)
        assert left == []


async def rolled_back(managed: Managed) -> list[str]:
    """The transactions that were still prepared, which would be in the way of what is tidied up after a failure."""
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute("SELECT gid FROM pg_prepared_xacts")
        left = [str(gid) for (gid,) in await cursor.fetchall()]
        for gid in left:
            await superuser.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
    return left


TRIES = """
ALTER ROLE {login} PASSWORD 'mine'
ALTER ROLE {login} SET work_mem = '1GB'
ALTER ROLE {login} IN DATABASE {database} SET search_path = mine
ALTER ROLE {login} VALID UNTIL 'infinity'
ALTER ROLE {login} CONNECTION LIMIT -1
ALTER ROLE {login} RENAME TO mine
ALTER ROLE {login} CREATEROLE
ALTER ROLE {login} REPLICATION
ALTER ROLE {login} SET log_statement = 'none'
COMMENT ON ROLE {login} IS 'mine'
GRANT {login} TO p0_reader
GRANT {login} TO p0_reader WITH ADMIN OPTION
GRANT {set_role} TO p0_reader
GRANT p0_broker TO {login}
SET ROLE {set_role}
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
ALTER DEFAULT PRIVILEGES FOR ROLE {set_role} GRANT ALL ON FUNCTIONS TO p0_reader
ALTER ROLE {set_role} SET work_mem = '1GB'
SELECT lo_from_bytea(4711, 'mine')
GRANT ALL ON LARGE OBJECT 4711 TO PUBLIC
GRANT SELECT ON LARGE OBJECT 4711 TO p0_reader WITH GRANT OPTION
COMMENT ON LARGE OBJECT 4711 IS 'mine'
RESET ROLE
SET SESSION AUTHORIZATION postgres
SET ROLE p0_broker
CREATE ROLE mine
CREATE DATABASE mine
CREATE TABLESPACE mine LOCATION '/tmp'
CREATE SCHEMA mine
CREATE SCHEMA AUTHORIZATION {login}
CREATE TABLE enterprise.mine ()
CREATE TABLE public.mine (id serial)
CREATE TABLE p0.mine ()
CREATE TEMP TABLE mine ()
CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE TYPE public.mood AS ENUM ('good')
CREATE OPERATOR public.=== (leftarg = int, rightarg = int, procedure = int4eq)
CREATE STATISTICS public.mine ON id, name FROM enterprise.markets
CREATE COLLATION public.mine FROM "C"
CREATE CAST (int AS text) WITH INOUT AS IMPLICIT
CREATE EXTENSION pg_trgm
CREATE LANGUAGE plmine HANDLER plpgsql_call_handler
CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE PUBLICATION mine
CREATE PUBLICATION mine FOR ALL TABLES
CREATE SUBSCRIPTION mine CONNECTION 'host=localhost' PUBLICATION mine WITH (connect = false)
CREATE FOREIGN DATA WRAPPER mine
CREATE SERVER mine FOREIGN DATA WRAPPER mine
CREATE USER MAPPING FOR {login} SERVER mine
CREATE TRIGGER mine BEFORE UPDATE ON enterprise.markets EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE RULE mine AS ON DELETE TO enterprise.markets DO NOTHING
CREATE POLICY mine ON enterprise.markets
CREATE VIEW public.mine AS SELECT * FROM enterprise.markets
SELECT * INTO public.mine FROM enterprise.markets
GRANT SELECT ON enterprise.markets TO PUBLIC
GRANT CONNECT ON DATABASE {database} TO PUBLIC
COMMENT ON TABLE enterprise.markets IS 'mine'
SECURITY LABEL ON TABLE enterprise.markets IS 'mine'
ALTER TABLE enterprise.markets OWNER TO {login}
ALTER DATABASE {database} SET work_mem = '1GB'
ALTER SYSTEM SET work_mem = '1GB'
ALTER TABLE enterprise.markets REPLICA IDENTITY FULL
UPDATE pg_authid SET rolsuper = true
SELECT pg_create_physical_replication_slot('mine')
SELECT pg_create_logical_replication_slot('mine', 'pgoutput')
SELECT pg_replication_origin_create('mine')
SELECT pg_create_restore_point('mine')
SELECT lo_export(4711, '/tmp/mine')
COPY (SELECT 1) TO '/tmp/mine'
COPY (SELECT 1) TO PROGRAM 'touch /tmp/mine'
SELECT pg_reload_conf()
SELECT pg_advisory_lock(1, 2)
SELECT pg_advisory_lock_shared(3)
SELECT pg_notify('mine', 'a notice')
LISTEN mine
DECLARE held CURSOR WITH HOLD FOR SELECT * FROM enterprise.markets
PREPARE mine AS SELECT 1
IMPORT FOREIGN SCHEMA public FROM SERVER mine INTO public
"""
"""One after the other in one session; most are refused, some are not, and which depends on the version."""

CATALOGS = """
SELECT c.relname::text, c.relisshared FROM pg_catalog.pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace
AND c.relkind = 'r' AND c.relname <> 'pg_statistic' ORDER BY 1
"""
PASSING = [
    "relpages",
    "reltuples",
    "relallvisible",
    "relallfrozen",
    "relfrozenxid",
    "relminmxid",
    "datfrozenxid",
    "datminmxid",
]
"""What VACUUM keeps in the catalogs."""

EMPTY = re.compile('"pg_(toast_)?temp_[0-9]+"')
"""Schemas that PostgreSQL keeps for the next session that has temporary tables."""


async def catalogs(managed: Managed) -> dict[tuple[str, str], set[str]]:
    """All rows of all catalogs, of the database and of another."""
    found = {}
    for database in (managed.database, "postgres"):
        async with await managed.superuser(database) as superuser:
            for name, _ in await (await superuser.execute(CATALOGS.encode())).fetchall():
                cursor = await superuser.execute(
                    sql.SQL("SELECT (to_jsonb(t) - %s::text[])::text FROM pg_catalog.{} t").format(
                        sql.Identifier(name)
                    ),
                    (PASSING,),
                )
                found[database, name] = {row for (row,) in await cursor.fetchall() if not EMPTY.search(row)}
    return found


async def litter(managed: Managed, connection: psycopg.AsyncConnection, names: Mapping[str, sql.Composable]) -> int:
    """How much of it was not refused."""
    done = 0
    for statement in TRIES.strip().splitlines():
        try:
            await connection.execute(sql.SQL(statement).format(**names))
        except psycopg.Error:
            continue
        done += 1
    return done


async def test_the_catalogs_are_what_they_were(managed: Managed) -> None:
    before = await catalogs(managed)
    entry, opened = await managed.open(*MARKETS, column("enterprise", "markets", "name", "UPDATE"), read_only=False)
    names = {
        "login": sql.Identifier(opened.login),
        "set_role": sql.Identifier(opened.set_role),
        "database": sql.Identifier(managed.database),
    }
    idle, busy, working = [await managed.login(opened) for _ in range(3)]
    async with await managed.login(opened, dbname="postgres") as elsewhere:
        assert await litter(managed, elsewhere, names) > 5
    assert await litter(managed, idle, names) > 10
    for number in (1, 2):
        await busy.execute("BEGIN")
        await busy.execute("UPDATE enterprise.markets SET name = name WHERE id = %s", (number,))
        await busy.execute(f"PREPARE TRANSACTION 'number {number}'".encode())
    await busy.execute("BEGIN; LOCK TABLE enterprise.markets IN ACCESS SHARE MODE; SELECT pg_advisory_xact_lock(5)")
    async with await managed.superuser() as superuser:
        parallel = asyncio.create_task(in_parallel(working))
        async with asyncio.timeout(20):
            while not await workers(superuser, opened.login):
                await superuser.execute("SELECT pg_sleep(0.01)")
        await managed.end(entry)
        with pytest.raises(psycopg.OperationalError):
            await parallel
        for connection in (idle, busy, working):
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("SELECT")
            await connection.close()
        cursor = await superuser.execute(LEFT.encode())
        assert await cursor.fetchone() == (0, 0, 0, 0, 0)
    after = await catalogs(managed)
    assert {key: (before[key] - rows, rows - before[key]) for key, rows in after.items() if rows != before[key]} == {}


LEFT = """
SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), (SELECT count(*) FROM pg_prepared_xacts),
       (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_replication_origin),
       (SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'p0\\_ada\\_%' OR backend_type = 'parallel worker')
"""


async def in_parallel(connection: psycopg.AsyncConnection) -> None:
    version = connection.info.server_version
    await connection.execute(
        f"SET {'debug_parallel_query' if version >= 160000 else 'force_parallel_mode'} = on".encode()
    )
    await connection.execute("SELECT pg_sleep(600)")


async def workers(superuser: psycopg.AsyncConnection, login: str) -> int:
    cursor = await superuser.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND usename = %s", (login,)
    )
    ((count,),) = await cursor.fetchall()
    return int(count)


async def test_no_session_for_replication(managed: Managed) -> None:
    """By which there could be slots that hold back the log for ever."""
    entry, opened = await managed.open(*MARKETS)
    for replication in ("true", "database"):
        with pytest.raises(psycopg.OperationalError):
            await psycopg.AsyncConnection.connect(
                host=managed.server.host,
                port=managed.server.port,
                user=opened.login,
                password=opened.password.reveal(),
                dbname=managed.database,
                replication=replication,
            )
    await managed.end(entry)
