"""Opening an access: the login can do exactly what was granted, and nothing is left of an attempt that failed."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import msgspec
import psycopg
import pytest
from psycopg import errors as sqlstate
from psycopg import sql

from fix_postgres import BOTH_MODES, LATER, NOW, Managed, Mode, fresh_database, managing, superuser_connection
from p0_access.permissions.permission import Kind, Permission, any_column, column, relation, usage
from p0_access.routing.decision import Session
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import DatabaseBusyError, DatabaseUnavailableError, GrantError, LedgerError
from p0_agent.postgres.grants import ACL_ROOM
from p0_agent.postgres.provision import Opened
from p0_demo.postgres import EmbeddedPostgres

pytestmark = BOTH_MODES
SHARED_SETS = 160000
MARKET_NAMES = (usage("enterprise"), column("enterprise", "markets", "name", "SELECT"))
READ_MARKET_NAMES = "SELECT name FROM enterprise.markets"


async def allowed(connection: psycopg.AsyncConnection, statement: str) -> bool:
    """Whether it runs, as opposed to 42501; rolled back."""
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(statement.encode())
    except sqlstate.InsufficientPrivilege:
        return False
    return True


async def test_the_login_can_do_exactly_what_was_granted(managed: Managed) -> None:
    entry, opened = await managed.open(
        *MARKET_NAMES,
        column("enterprise", "customers", "segment", "UPDATE"),
        column("enterprise", "customers", "id", "SELECT"),
        relation("enterprise", "orders", "DELETE"),
        read_only=False,
    )
    cases = {
        READ_MARKET_NAMES: True,
        "SELECT count(name) FROM enterprise.markets": True,
        "SELECT code FROM enterprise.markets": False,
        "SELECT * FROM enterprise.markets": False,
        "UPDATE enterprise.markets SET name = 'x'": False,
        "UPDATE enterprise.customers SET segment = 'retail' WHERE id = 1": True,
        "UPDATE enterprise.customers SET name = 'x' WHERE id = 1": False,
        "SELECT email FROM enterprise.customers": False,
        "DELETE FROM enterprise.orders WHERE false": True,
        "DELETE FROM enterprise.orders WHERE id = 1": False,
        "TRUNCATE enterprise.orders": False,
        "INSERT INTO enterprise.markets (name) VALUES ('x')": False,
        "SELECT FROM ledger.entries": False,
        "SELECT FROM p0.request": False,
        "SELECT FROM p0_evidence.log": False,
        "LOCK TABLE p0.writer": False,
        "CREATE TABLE enterprise.mine ()": False,
        "CREATE TEMP TABLE mine ()": False,
        "SET ROLE p0_broker": False,
    }
    async with await managed.login(opened) as user:
        found = {statement: await allowed(user, statement) for statement in cases}
    assert found == cases
    await managed.end(entry)


async def test_nothing_can_be_handed_on(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKET_NAMES, read_only=False)
    async with await managed.login(opened) as user:
        assert not await allowed(user, f"ALTER ROLE {opened.login} VALID UNTIL 'infinity'")
        assert not await allowed(user, f"ALTER ROLE {opened.login} CONNECTION LIMIT 1000")
        assert not await allowed(user, f"GRANT {opened.set_role} TO p0_reader")
        if user.info.server_version >= SHARED_SETS:
            assert not await allowed(user, f"SET ROLE {opened.set_role}")
            assert not await allowed(user, f"GRANT {opened.login} TO p0_reader")
        await user.execute("GRANT SELECT (name) ON enterprise.markets TO PUBLIC")  # a warning, and nothing else
    async with await managed.superuser() as connection:
        cursor = await connection.execute(
            "SELECT has_column_privilege('public', 'enterprise.markets', 'name', 'SELECT')"
        )
        assert await cursor.fetchone() == (False,)
    await managed.end(entry)


async def test_a_serial_needs_its_sequence(managed: Managed) -> None:
    columns = [column("ledger", "accounts", name, "INSERT") for name in ("number", "name", "kind")]
    insert = "INSERT INTO ledger.accounts (number, name, kind) VALUES ('9999', 'Suspense', 'asset')"
    sequence = Permission(Kind.SEQUENCE, "ledger", "accounts_id_seq", None, "USAGE")
    without, opened_without = await managed.open(usage("ledger"), *columns, read_only=False)
    entry, opened = await managed.open(usage("ledger"), *columns, sequence, read_only=False)
    async with await managed.login(opened_without) as user:
        assert not await allowed(user, insert)
    async with await managed.login(opened) as user:
        assert await allowed(user, insert)
        assert not await allowed(user, "SELECT setval('ledger.accounts_id_seq', 1)")
    await managed.end(entry)
    await managed.end(without)


async def test_the_login_says_what_it_is_for_and_until_when(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKET_NAMES)
    async with await managed.superuser() as connection:
        cursor = await connection.execute(
            "SELECT extract(epoch FROM r.rolvaliduntil)::bigint, r.rolconnlimit, r.rolcreaterole OR r.rolcreatedb,"
            " shobj_description(r.oid, 'pg_authid'), split_part(a.rolpassword, ':', 1)"
            " FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid WHERE r.rolname = %s",
            (opened.login,),
        )
        row = await cursor.fetchone()
    assert row is not None
    assert row[:3] == (LATER, 5, False)
    assert str(row[3]).startswith(f"p0 request {entry.rid}, until ")
    assert row[4] == "SCRAM-SHA-256$1"
    async with await managed.login(opened) as user:
        cursor = await user.execute(
            "SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'),"
            " current_setting('search_path')"
        )
        assert await cursor.fetchone() == ("on", "15min", "public, pg_temp")
    await managed.end(entry)


async def test_no_more_sessions_than_its_limit(managed: Managed) -> None:
    entry = await managed.approved()
    opened = await managed.cluster.open(
        msgspec.structs.replace(managed.order(entry, *MARKET_NAMES), connection_limit=1), NOW
    )
    async with await managed.login(opened):
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            await managed.login(opened)
    await managed.end(entry)


async def test_the_password_never_reaches_the_servers_log(managed: Managed, mode: Mode) -> None:
    async with await managed.superuser() as connection:
        await connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        await connection.execute("SELECT pg_reload_conf()")
        try:
            entry, opened = await managed.open(*MARKET_NAMES)
            async with await managed.login(opened):
                pass
            written = read_log(managed)
        finally:
            await connection.execute("ALTER SYSTEM RESET log_statement")
            await connection.execute("SELECT pg_reload_conf()")
    assert (f'CREATE ROLE "{opened.login}"' if mode == "broker" else f"p0_guard.\"open\"('{opened.login}'") in written
    assert opened.password.reveal() not in written
    await managed.end(entry)


def read_log(managed: Managed) -> str:
    return (managed.server.directory / "server.log").read_text()


async def test_one_set_role_for_the_same_permissions(managed: Managed) -> None:
    """From PostgreSQL 16 on; it goes with its last member. Before, each access has its own."""
    first, one = await managed.open(*MARKET_NAMES)
    second, two = await managed.open(*reversed(MARKET_NAMES))
    third, three = await managed.open(usage("enterprise"), column("enterprise", "markets", "code", "SELECT"))
    async with await managed.superuser() as connection:
        shared = connection.info.server_version >= SHARED_SETS
    assert (one.set_role == two.set_role) is shared
    assert three.set_role not in {one.set_role, two.set_role}
    assert (await managed.end(first)).set_dropped is not shared
    async with await managed.login(two) as user:
        assert await allowed(user, READ_MARKET_NAMES)
    assert (await managed.end(second)).set_dropped
    assert (await managed.end(third)).set_dropped


BEYOND_THE_GUARD = (
    relation("nowhere", "markets", "SELECT"),
    usage("p0_evidence"),
    relation("pg_catalog", "pg_authid", "SELECT"),
    Permission(Kind.FUNCTION, "pg_catalog", "pg_read_file(text)", None, "EXECUTE"),
)
"""It knows which schemas are managed."""


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (relation("enterprise", "markets", "TRIGGER"), "permission_unsupported"),
        (any_column("enterprise", "markets", "SELECT"), "permission_unsupported"),
        (Permission(Kind.ROLE, None, "pg_read_all_data", None, "MEMBER"), "permission_unsupported"),
        (Permission(Kind.SCHEMA, None, "enterprise", None, "CREATE"), "permission_unsupported"),
        (Permission(Kind.DATABASE, None, "postgres", None, "CONNECT"), "permission_elsewhere"),
        (relation("enterprise", "unicorns", "SELECT"), "object_missing"),
        (column("enterprise", "markets", "horn", "SELECT"), "object_missing"),
        (relation("nowhere", "markets", "SELECT"), "object_missing"),
        (relation("enterprise", "markets", "TRUNCATE"), "agent_lacks_privilege"),
        (usage("p0_evidence"), "agent_lacks_privilege"),
        (relation("pg_catalog", "pg_authid", "SELECT"), "agent_lacks_privilege"),
        (Permission(Kind.FUNCTION, "enterprise", "none(integer)", None, "EXECUTE"), "object_missing"),
        (Permission(Kind.FUNCTION, "enterprise", "none(); DROP", None, "EXECUTE"), "permission_unsupported"),
        (Permission(Kind.FUNCTION, "pg_catalog", "pg_read_file(text)", None, "EXECUTE"), "agent_lacks_privilege"),
        (Permission(Kind.TYPE, "enterprise", "none", None, "USAGE"), "object_missing"),
        (Permission(Kind.LARGE_OBJECT, None, "4711", None, "SELECT"), "object_missing"),
        (Permission(Kind.LARGE_OBJECT, None, "4711 TO x; --", None, "SELECT"), "permission_unsupported"),
        (Permission(Kind.FOREIGN_SERVER, None, "s", None, "USAGE"), "permission_unsupported"),
        (relation("enterprise", "orders_id_seq", "SELECT"), "grants_differ"),
    ],
    ids=str,
)
async def test_what_cannot_be_granted_is_an_error_and_leaves_nothing(
    permission: Permission, code: str, managed: Managed, mode: Mode
) -> None:
    if mode == "hardened" and permission in BEYOND_THE_GUARD:
        code = "guard_refused"
    entry = await managed.approved()
    with pytest.raises(GrantError) as caught:
        await managed.cluster.open(managed.order(entry, *MARKET_NAMES, permission), NOW)
    assert caught.value.code == code
    assert await managed.roles() == []
    after = await managed.cluster.ledger.get(entry.rh)
    assert after is not None
    assert (after.stage, after.login) == ("approved", None)


async def test_a_grant_that_is_only_partly_the_agents_to_give_is_an_error(managed: Managed) -> None:
    """PostgreSQL grants what it can and warns (01007)."""
    async with await managed.superuser() as connection:
        await connection.execute("REVOKE GRANT OPTION FOR INSERT ON enterprise.markets FROM p0_broker")
    entry = await managed.approved()
    wanted = [relation("enterprise", "markets", privilege) for privilege in ("SELECT", "INSERT")]
    with pytest.raises(GrantError) as caught:
        await managed.cluster.open(managed.order(entry, usage("enterprise"), *wanted), NOW)
    assert caught.value.code == "agent_lacks_privilege"
    assert await managed.roles() == []


async def test_functions_that_everybody_may_execute_need_no_grant(managed: Managed) -> None:
    async with await managed.superuser() as connection:
        await connection.execute(
            'CREATE FUNCTION enterprise."Rate it"(amount integer, "on" date) RETURNS int LANGUAGE sql RETURN amount'
        )
    execute = Permission(Kind.FUNCTION, "enterprise", "Rate it(integer, date)", None, "EXECUTE")
    entry, _ = await managed.open(usage("enterprise"), execute)
    await managed.end(entry)
    async with await managed.superuser() as connection:
        await connection.execute('REVOKE EXECUTE ON FUNCTION enterprise."Rate it" FROM PUBLIC')
    with pytest.raises(GrantError, match="Rate it") as caught:
        await managed.open(usage("enterprise"), execute)
    assert caught.value.code == "agent_lacks_privilege"


PRIVATE = """
CREATE TYPE enterprise."Mood (s)" AS ENUM ('good');
CREATE DOMAIN enterprise.euros AS numeric CHECK (VALUE >= 0);
CREATE FUNCTION enterprise."Rate it"(amount enterprise.euros, "on" date, VARIADIC moods enterprise."Mood (s)"[])
  RETURNS numeric LANGUAGE sql RETURN amount * 2;
CREATE FUNCTION enterprise."Rate it"(amount integer) RETURNS integer LANGUAGE sql RETURN amount;
CREATE PROCEDURE enterprise.tidy(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
CREATE AGGREGATE enterprise.total(numeric) (SFUNC = numeric_add, STYPE = numeric);
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA enterprise FROM PUBLIC;
REVOKE USAGE ON TYPE enterprise."Mood (s)", enterprise.euros FROM PUBLIC;
SELECT lo_from_bytea(4711, 'of the lease'), lo_from_bytea(4712, 'another')
"""
RATE = Permission(
    Kind.FUNCTION, "enterprise", 'Rate it(enterprise.euros, date, enterprise."Mood (s)"[])', None, "EXECUTE"
)
CALL_RATE = """SELECT enterprise."Rate it"(2, '2026-01-01', 'good')"""
RARE = [
    (RATE, CALL_RATE),
    (Permission(Kind.FUNCTION, "enterprise", "Rate it(integer)", None, "EXECUTE"), 'SELECT enterprise."Rate it"(2)'),
    (Permission(Kind.FUNCTION, "enterprise", "tidy(integer)", None, "EXECUTE"), "CALL enterprise.tidy(1)"),
    (Permission(Kind.FUNCTION, "enterprise", "total(numeric)", None, "EXECUTE"), "SELECT enterprise.total(1)"),
    (Permission(Kind.TYPE, "enterprise", "Mood (s)", None, "USAGE"), 'CREATE TEMP TABLE t (m enterprise."Mood (s)")'),
    (Permission(Kind.TYPE, "enterprise", "euros", None, "USAGE"), "CREATE TEMP TABLE t (e enterprise.euros)"),
    (Permission(Kind.LARGE_OBJECT, None, "4711", None, "SELECT"), "SELECT lo_get(4711)"),
    (Permission(Kind.LARGE_OBJECT, None, "4711", None, "UPDATE"), "SELECT lo_put(4711, 0, 'x'), lo_get(4711)"),
    (Permission(Kind.LARGE_OBJECT, None, "4712", None, "SELECT"), "SELECT lo_get(4712)"),
]


async def test_functions_types_large_objects_and_temporary_tables(mode: Mode, postgres: EmbeddedPostgres) -> None:
    """Each is granted alone, found by nothing but its own grant, and gone afterwards."""
    temporary = None
    async with fresh_database(postgres) as database:
        async with await superuser_connection(postgres, database) as superuser:
            await superuser.execute(PRIVATE.encode())
        async with managing(postgres, database, {database: ("enterprise", "ledger")}, mode) as managed:
            temporary = Permission(Kind.DATABASE, None, database, None, "TEMPORARY")
            for permission, statement in [*RARE, (temporary, "CREATE TEMP TABLE t (a int)")]:
                along = [temporary] if permission.kind is Kind.TYPE else []
                if permission.privilege == "UPDATE":  # who writes to one reads it
                    along = [Permission(Kind.LARGE_OBJECT, None, "4711", None, "SELECT")]
                entry, opened = await managed.open(usage("enterprise"), permission, *along, read_only=False)
                async with await managed.login(opened) as connection:
                    assert await allowed(connection, statement), permission
                    for other, refused in RARE:
                        if other not in (permission, *along):
                            assert not await allowed(connection, refused), (permission, other)
                await managed.end(entry)
            assert await managed.roles() == []


async def test_a_private_function_that_others_were_let_in_by_is_put_right(
    mode: Mode, postgres: EmbeddedPostgres
) -> None:
    """What a set role has beyond its grants is found on functions, types and large objects, too."""
    async with fresh_database(postgres) as database:
        async with await superuser_connection(postgres, database) as superuser:
            await superuser.execute(PRIVATE.encode())
        async with managing(postgres, database, {database: ("enterprise", "ledger")}, mode) as managed:
            entry, opened = await managed.open(usage("enterprise"), RATE)
            broker = (
                'SET ROLE p0_broker; GRANT EXECUTE ON FUNCTION enterprise."Rate it"(integer) TO {0};'
                " GRANT USAGE ON TYPE enterprise.euros TO {0}; GRANT SELECT ON LARGE OBJECT 4711 TO {0}"
            )
            async with await managed.superuser() as superuser:
                await superuser.execute(broker.format(opened.set_role).encode())
            (found,) = await managed.cluster.drift()
            assert found.mended
            for extra in (
                "extra: EXECUTE on function enterprise.Rate it(integer)",
                "extra: USAGE on type enterprise.euros",
                "extra: SELECT on large_object 4711",
            ):
                assert extra in found.what
            async with await managed.login(opened) as connection:
                assert await allowed(connection, CALL_RATE)
                assert not await allowed(connection, 'SELECT enterprise."Rate it"(2)')
                assert not await allowed(connection, "SELECT lo_get(4711)")
            await managed.end(entry)


async def test_a_set_that_others_changed_is_put_right_at_the_next_lease(managed: Managed) -> None:
    first, one = await managed.open(*MARKET_NAMES, read_only=False)
    role = sql.Identifier(one.set_role)
    async with await managed.superuser() as connection:
        if connection.info.server_version < SHARED_SETS:
            await managed.end(first)
            pytest.skip("no set is shared before PostgreSQL 16")
        await connection.execute(sql.SQL("REVOKE SELECT (name) ON enterprise.markets FROM {}").format(role))
        await connection.execute(sql.SQL("SET ROLE p0_broker; GRANT SELECT ON ledger.entries TO {}").format(role))
    async with await managed.login(one) as user:  # what any leaseholder can do with a set that it inherits from
        await user.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT SELECT ON TABLES TO PUBLIC").format(role)
        )
    second, two = await managed.open(*MARKET_NAMES)
    async with await managed.login(two) as user:
        assert await allowed(user, READ_MARKET_NAMES)
        assert not await allowed(user, "SELECT FROM ledger.entries")
    await managed.end(first)
    await managed.end(second)


async def test_what_cannot_be_put_right_is_named(managed: Managed) -> None:
    first, one = await managed.open(*MARKET_NAMES)
    async with await managed.superuser() as connection:
        if connection.info.server_version < SHARED_SETS:
            await managed.end(first)
            pytest.skip("no set is shared before PostgreSQL 16")
        await connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(one.set_role)))
        with pytest.raises(GrantError, match="extra: MEMBER on role pg_read_all_data"):
            await managed.open(*MARKET_NAMES)
    await managed.end(first)


async def test_only_an_approved_request_is_opened(managed: Managed) -> None:
    ledger = managed.cluster.ledger
    await ledger.claim(rh="h", rid="waiting", database=managed.database, request="jws", now=NOW)
    waiting = await ledger.admit("h", "jws", "admitted", NOW)
    with pytest.raises(LedgerError) as caught:
        await managed.cluster.open(managed.order(waiting, *MARKET_NAMES), NOW)
    assert caught.value.code == "already_admitted"
    assert await managed.roles() == []


async def test_opened_again_after_a_crash_before_sealing(managed: Managed) -> None:
    """Login and end stay; the password is new, and only the last one can be sealed."""
    entry = await managed.approved()
    order = managed.order(entry, *MARKET_NAMES)
    first = await managed.cluster.open(order, NOW)
    second = await managed.cluster.open(msgspec.structs.replace(order, not_after=LATER + 1000), NOW)
    assert (second.login, second.not_after) == (first.login, LATER)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await managed.login(first)
    async with await managed.login(second) as user:
        assert await allowed(user, READ_MARKET_NAMES)
    ledger = managed.cluster.ledger
    with pytest.raises(DatabaseBusyError):
        await ledger.seal(entry.rh, "stale", NOW, attempt=first.attempt)
    assert (await ledger.seal(entry.rh, "sealed", NOW, attempt=second.attempt)).credential == "sealed"
    with pytest.raises(LedgerError):
        await managed.cluster.open(order, NOW)
    await managed.end(entry)


HOSTILE = [
    'a"b',
    "a'b; DROP TABLE x --",
    "100%s {} %(x)s",
    "Ünïcødé 表",
    "x" * 63,
    "back\\slash",
    "$p0$",
    "new\nline",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_names(name: str, mode: Mode, postgres: EmbeddedPostgres) -> None:
    """Of a database, a schema, a table and a column, from the bootstrap to the end."""
    async with fresh_database(postgres, name=name) as database:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(database), autocommit=True) as connection:
            await connection.execute(
                sql.SQL("CREATE SCHEMA {0}; CREATE TABLE {0}.{0} ({0} int, other int)").format(sql.Identifier(name))
            )
        async with managing(postgres, database, {database: (name,)}, mode) as managed:
            entry, opened = await managed.open(usage(name), column(name, name, name, "SELECT"))
            async with await managed.login(opened) as user:
                await user.execute(sql.SQL("SELECT {0} FROM {0}.{0}").format(sql.Identifier(name)))
                with pytest.raises(sqlstate.InsufficientPrivilege):
                    await user.execute(sql.SQL("SELECT other FROM {0}.{0}").format(sql.Identifier(name)))
            catalog = await managed.cluster.catalog(database)
            found = catalog.relation(name, name)
            assert found is not None
            assert [item.name for item in found.columns] == [name, "other"]
            await managed.end(entry)


async def test_eight_at_once_on_one_table(managed: Managed) -> None:
    """Concurrent GRANTs on one object fail with "tuple concurrently updated", if they are let."""
    columns = ["id", "market_id", "name", "email", "phone", "segment", "created_at", "id"]
    entries = [await managed.approved() for _ in columns]

    async def cycle(entry: Entry, name: str) -> Opened:
        order = managed.order(entry, usage("enterprise"), column("enterprise", "customers", name, "SELECT"))
        opened = await managed.cluster.open(order, NOW)
        async with await managed.login(opened) as user:
            assert await allowed(user, f"SELECT {name} FROM enterprise.customers")
        await managed.end(entry)
        return opened

    opened = await asyncio.gather(*(cycle(entry, name) for entry, name in zip(entries, columns, strict=True)))
    assert len({item.login for item in opened}) == len(columns)


async def test_two_agents_on_one_database_take_turns(managed: Managed, mode: Mode) -> None:
    """The second has connections of its own: only the lock in the database keeps them apart."""
    async with managing(managed.server, managed.database, {managed.database: ("enterprise", "ledger")}, mode) as other:

        async def cycles(agent: Managed, name: str) -> None:
            for _ in range(5):
                entry, _ = await agent.open(usage("enterprise"), column("enterprise", "customers", name, "SELECT"))
                await agent.end(entry)

        await asyncio.gather(cycles(managed, "email"), cycles(other, "phone"))


async def wait_for_lock(connection: psycopg.AsyncConnection) -> int:
    """The backend of the agent that is waiting for `p0.writer`."""
    async with asyncio.timeout(5):
        while True:
            cursor = await connection.execute(
                "SELECT pid FROM pg_locks WHERE relation = 'p0.writer'::regclass AND NOT granted"
            )
            row = await cursor.fetchone()
            if row is not None:
                return int(row[0])


async def test_a_connection_killed_in_the_middle_leaves_nothing(managed: Managed) -> None:
    entry = await managed.approved()
    order = managed.order(entry, *MARKET_NAMES)
    async with await managed.superuser() as blocker, await managed.superuser() as killer:
        async with blocker.transaction():
            # Not p0.writer: the set role is made and about to be granted to when this bites.
            await blocker.execute("LOCK TABLE pg_catalog.pg_auth_members IN EXCLUSIVE MODE")
            task = asyncio.create_task(managed.cluster.open(order, NOW))
            async with asyncio.timeout(5):
                killed = False
                while not killed:
                    cursor = await killer.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks"
                        " WHERE relation = 'pg_auth_members'::regclass AND NOT granted"
                    )
                    killed = await cursor.fetchone() is not None
            with pytest.raises(DatabaseUnavailableError):
                await task
        assert await managed.roles() == []
    opened = await managed.cluster.open(order, NOW)
    async with await managed.login(opened) as user:
        assert await allowed(user, READ_MARKET_NAMES)
    await managed.end(entry)


async def test_a_cancelled_opening_leaves_nothing(managed: Managed) -> None:
    entry = await managed.approved()
    async with await managed.superuser() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE p0.writer")
        task = asyncio.create_task(managed.cluster.open(managed.order(entry, *MARKET_NAMES), NOW))
        await wait_for_lock(blocker)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await managed.roles() == []
    await managed.cluster.open(managed.order(entry, *MARKET_NAMES), NOW)
    await managed.end(entry)


async def test_a_lock_that_is_not_to_be_had_is_transient(managed: Managed) -> None:
    entry = await managed.approved()
    async with await managed.superuser() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE p0.writer")
        with pytest.raises(DatabaseBusyError):
            await managed.cluster.open(managed.order(entry, *MARKET_NAMES), NOW)
    assert await managed.roles() == []


async def test_a_home_apart_from_the_target(managed: Managed, mode: Mode) -> None:
    """Ledger in one database, grants in another; the login and the ledger's step are still one transaction."""
    async with (
        fresh_database(managed.server) as target,
        managing(managed.server, managed.database, {target: ("enterprise",)}, mode) as apart,
    ):
        entry, opened = await apart.open(*MARKET_NAMES)
        async with await apart.login(opened) as user:
            assert await allowed(user, READ_MARKET_NAMES)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            await apart.login(opened, dbname=managed.database)
        await apart.end(entry)

        stale = await apart.approved()
        await apart.cluster.ledger.close(stale.rh, "cancelled", NOW)
        with pytest.raises(LedgerError):
            await apart.cluster.open(apart.order(stale, *MARKET_NAMES), NOW)
        swept = await apart.cluster.sweep(NOW)  # a set role without members is all that can be left
        assert len(swept.sets) == 1
        assert not swept.failed


async def test_a_set_role_that_another_agent_drops_in_between_is_transient(managed: Managed, mode: Mode) -> None:
    """Between its two transactions an opening has no lock in the target; here its home is locked meanwhile."""
    async with (
        fresh_database(managed.server) as target,
        managing(managed.server, managed.database, {target: ("enterprise",)}, mode) as apart,
        managing(managed.server, managed.database, {target: ("enterprise",)}, mode) as other,
    ):
        entry = await apart.approved()
        order = apart.order(entry, *MARKET_NAMES)
        async with await managed.superuser() as blocker:
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE p0.writer")
                task = asyncio.create_task(apart.cluster.open(order, NOW))
                await wait_for_lock(blocker)
                assert len((await other.cluster.sweep(NOW)).sets) == 1
            with pytest.raises(DatabaseBusyError) as caught:
                await task
        assert caught.value.code == "set_role_gone"
        assert await apart.roles() == []
        await apart.cluster.open(order, NOW)
        await apart.end(entry)


async def test_an_access_list_that_is_nearly_full_is_not_filled(managed: Managed) -> None:
    """While its owner can still change the table. An access that adds nothing to the list is opened all the same."""
    entry, _ = await managed.open(usage("ledger"), relation("ledger", "entries", "SELECT"))
    async with await managed.superuser() as superuser:
        await superuser.execute("SET allow_system_table_mods = on")
        await superuser.execute(
            "UPDATE pg_class SET relacl = array_fill(relacl[1], ARRAY[%s]) || relacl"
            " WHERE oid = 'ledger.entries'::regclass",
            (ACL_ROOM,),
        )
        shared = superuser.info.server_version >= SHARED_SETS
        with pytest.raises(GrantError) as caught:
            await managed.open(usage("ledger"), relation("ledger", "entries", "INSERT"))
        assert caught.value.code == "acl_headroom"
        if shared:
            again, _ = await managed.open(usage("ledger"), relation("ledger", "entries", "SELECT"))
            await managed.end(again)
        await superuser.execute(
            "UPDATE pg_class SET relacl = relacl[%s:] WHERE oid = 'ledger.entries'::regclass", (ACL_ROOM + 1,)
        )
    await managed.end(entry)


async def test_sessions_are_as_the_rules_say(managed: Managed) -> None:
    """What takes SET ON PARAMETER stays as it is set, whatever the login tries."""
    entry = await managed.approved()
    session = Session(
        statement_timeout=7,
        idle_timeout=70,
        idle_in_transaction_timeout=17,
        temp_file_limit=64,
        log_statement="all",
    )
    order = msgspec.structs.replace(
        managed.order(entry, *MARKET_NAMES, read_only=False),
        session=session,
        search_path=("enterprise", 'Odd "name"'),
        person="ada@exämple.com",
        about="ada@example.com; approved by pat@example.com; OPS-17\nand more",
    )
    opened = await managed.cluster.open(order, NOW)
    async with await managed.login(opened) as user:
        cursor = await user.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'idle_session_timeout',"
            " 'idle_in_transaction_session_timeout', 'search_path', 'temp_file_limit', 'log_statement',"
            " 'application_name') ORDER BY name"
        )
        limited = user.info.server_version >= 150000
        assert await cursor.fetchall() == [
            ("application_name", f"p0/{entry.rid} ada@ex?mple.com"),
            ("idle_in_transaction_session_timeout", "17000"),
            ("idle_session_timeout", "70000"),
            ("log_statement", "all" if limited else "none"),
            ("search_path", 'enterprise, "Odd ""name""", pg_temp'),
            ("statement_timeout", "7000"),
            ("temp_file_limit", "65536" if limited else "-1"),
        ]
        for statement in ("SET log_statement = 'none'", "ALTER ROLE CURRENT_USER SET temp_file_limit = -1"):
            assert not await allowed(user, statement)
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", (opened.login,)
        )
        ((comment,),) = await cursor.fetchall()
        assert "; ada@example.com; approved by pat@example.com; OPS-17 and more" in str(comment)
        await superuser.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(opened.login)))
    (drift,) = await managed.cluster.drift()
    assert drift.mended
    assert await managed.cluster.drift() == ()
    await managed.end(entry)


async def test_who_lasts_longer_says_so_in_its_comment(managed: Managed) -> None:
    entry, longer = await managed.approved(), await managed.approved()
    until = LATER - 600
    order = msgspec.structs.replace(
        managed.order(entry, usage("enterprise")),
        not_after=until,
        about="ada@example.com; see https://issues.example [12]",
    )
    opened = await managed.cluster.open(order, NOW)
    await managed.cluster.ledger.seal(entry.rh, "credential", NOW, attempt=opened.attempt)
    await managed.cluster.extend(longer.rh, extends=entry.rh, not_after=until + 600, now=NOW)
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute(
            "SELECT shobj_description(oid, 'pg_authid'), extract(epoch FROM rolvaliduntil)::bigint FROM pg_roles"
            " WHERE rolname = %s",
            (opened.login,),
        )
        ((comment, valid_until),) = await cursor.fetchall()
    then = datetime.fromtimestamp(until + 600, UTC).isoformat()
    told = f"p0 request {entry.rid}, until {then}; {order.about}"
    assert re.sub(r" \[[0-9]{9,}\]$", "", comment) == told, comment
    assert valid_until == until + 600
    assert await managed.cluster.drift() == ()
    await managed.end(entry)
