"""Ending an access: no session survives it, nothing is left of it, whatever the login did meanwhile."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg import errors as sqlstate
from psycopg import sql

from fix_postgres import BOTH_MODES, NOW, Managed, fresh_database
from p0_access.permissions.permission import column, relation, usage
from p0_agent.postgres.provision import Opened

pytestmark = BOTH_MODES
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))


async def ended_by_the_server(connection: psycopg.AsyncConnection) -> bool:
    try:
        await connection.execute("SELECT")
    except psycopg.OperationalError:
        return True
    return False


async def test_live_sessions_end_and_none_comes_back(managed: Managed) -> None:
    """Four clients reconnect in a loop, as fast as they can, until they are told that they may not."""
    entry, opened = await managed.open(*MARKETS)
    connected = asyncio.Semaphore(0)
    refused = 0

    async def client() -> None:
        nonlocal refused
        while True:
            try:
                async with await managed.login(opened) as connection:
                    connected.release()
                    while True:
                        await connection.execute("SELECT count(*) FROM enterprise.markets")
            except psycopg.OperationalError as error:
                if "not permitted to log in" in str(error) or "authentication failed" in str(error):
                    refused += 1
                    return
            except sqlstate.InsufficientPrivilege:
                continue  # fenced, and about to be killed

    clients = [asyncio.create_task(client()) for _ in range(4)]
    for _ in clients:
        await connected.acquire()
    await managed.end(entry)
    async with asyncio.timeout(5):
        await asyncio.gather(*clients)
    assert refused == len(clients)


async def test_an_open_cursor_returns_nothing_more(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    connection = await managed.login(opened)
    await connection.execute("BEGIN")
    await connection.execute("DECLARE held CURSOR FOR SELECT * FROM enterprise.markets")
    await connection.execute("FETCH 1 FROM held")
    await managed.end(entry)
    with pytest.raises(psycopg.OperationalError):
        await connection.execute("FETCH 1 FROM held")
    await connection.close()


async def test_a_session_that_became_its_set_role_ends_too(managed: Managed) -> None:
    """Possible only before PostgreSQL 16; after it the attempt fails and the session is an ordinary one."""
    entry, opened = await managed.open(*MARKETS)
    connection = await managed.login(opened)
    try:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(opened.set_role)))
    except sqlstate.InsufficientPrivilege:
        assert connection.info.server_version >= 160000
    await managed.end(entry)
    assert await ended_by_the_server(connection)
    await connection.close()


async def litter(managed: Managed, opened: Opened, database: str) -> None:
    """What a login without any right to create can leave behind all the same."""
    async with await managed.login(opened, dbname=database) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("SELECT lo_from_bytea(0, 'left behind')")
        await connection.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")


async def test_what_the_login_owns_is_dropped_in_every_database(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    async with fresh_database(managed.server) as other:
        await litter(managed, opened, managed.database)
        await litter(managed, opened, other)
        await managed.end(entry)
        assert await managed.roles() == []
        for database in (managed.database, other):
            async with await managed.superuser(database) as connection:
                cursor = await connection.execute("SELECT count(*) FROM pg_largeobject_metadata")
                assert await cursor.fetchone() == (0,)


async def test_settings_and_password_changed_by_the_login_do_not_matter(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS, read_only=False)
    async with await managed.login(opened) as connection:
        await connection.execute(sql.SQL("ALTER ROLE {} PASSWORD 'mine'").format(sql.Identifier(opened.login)))
        await connection.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET work_mem = '1GB'").format(
                sql.Identifier(opened.login), sql.Identifier(managed.database)
            )
        )
    await managed.end(entry)


@pytest.mark.parametrize("gid", ["plain", 'it\'s; "hostile" %s \\'])
async def test_prepared_transactions_are_rolled_back(gid: str, managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS, column("enterprise", "markets", "name", "UPDATE"), read_only=False)
    connection = await managed.login(opened)
    await connection.execute("BEGIN")
    await connection.execute("UPDATE enterprise.markets SET name = 'later'")
    await connection.execute(sql.SQL("PREPARE TRANSACTION {}").format(sql.Literal(gid)))
    await connection.close()
    await managed.end(entry)
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute("SELECT count(*) FROM enterprise.markets WHERE name = 'later'")
        assert await cursor.fetchone() == (0,)


async def test_ended_twice_and_at_the_same_time(managed: Managed) -> None:
    entry, _ = await managed.open(*MARKETS)
    ending = await managed.cluster.ledger.begin_end(entry.rh, "revoked", NOW)
    both = await asyncio.gather(managed.cluster.end(ending), managed.cluster.end(ending))
    again = await managed.cluster.end(ending)
    assert [ended.residue for ended in (*both, again)] == [(), (), ()]
    assert again.set_dropped


async def test_sessions_are_counted(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    assert await managed.cluster.sessions([opened.login, "p0_nobody_aaaaaaaaaaaaaaaa"]) == {
        opened.login: 0,
        "p0_nobody_aaaaaaaaaaaaaaaa": 0,
    }
    async with await managed.login(opened), await managed.login(opened):
        assert await managed.cluster.sessions([opened.login]) == {opened.login: 2}
    await managed.end(entry)


async def test_an_end_that_is_in_the_way_of_somebody_else_stays_fenced(managed: Managed) -> None:
    """Others' objects that depend on the login's are not dropped; the login is out all the same."""
    async with await managed.superuser() as superuser:
        await superuser.execute("GRANT CREATE ON SCHEMA enterprise TO PUBLIC")
    entry, opened = await managed.open(*MARKETS, read_only=False)
    async with await managed.login(opened) as connection:
        await connection.execute("CREATE TABLE enterprise.mine (id int)")
    async with await managed.superuser() as superuser:
        may_read = "SELECT has_any_column_privilege(%s, 'enterprise.markets', 'SELECT')"
        assert await (await superuser.execute(may_read, (opened.login,))).fetchone() == (True,)
        await superuser.execute("CREATE VIEW enterprise.depends AS SELECT * FROM enterprise.mine")
        swept = await managed.cluster.sweep(opened.not_after)
        assert list(swept.failed) == [entry.rh]
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            await managed.login(opened)
        assert await (await superuser.execute(may_read, (opened.login,))).fetchone() == (False,)
        await superuser.execute("DROP VIEW enterprise.depends")
    swept = await managed.cluster.sweep(NOW)
    assert [done.ended.residue for done in swept.ended] == [()]
    assert not swept.failed


async def test_a_session_whose_login_somebody_dropped_is_not_forgotten(managed: Managed) -> None:
    """Nobody but a superuser can end it; there is no receipt until it is gone, however often the end is tried."""
    entry, opened = await managed.open(*MARKETS)
    connection = await managed.login(opened)
    async with await managed.superuser() as superuser:
        await superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(opened.login)))
        for _ in range(2):
            swept = await managed.cluster.sweep(NOW)
            ((residue,),) = (done.ended.residue for done in swept.ended)
            assert residue == f"session {connection.info.backend_pid}"
        await superuser.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
    swept = await managed.cluster.sweep(NOW)
    assert [(done.entry.rh, done.ended.residue) for done in swept.ended] == [(entry.rh, ())]
    await connection.close()
