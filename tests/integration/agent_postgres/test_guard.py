"""Who has the agent's login in the hardened mode, and wants more: what its functions refuse, and what it cannot do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import errors as sqlstate
from psycopg import sql
from psycopg.types.json import Jsonb

from fix_postgres import NOW, THUMBPRINT, Managed, Mode, bootstrap, managing
from p0_access.permissions.permission import relation, usage
from p0_agent.postgres.errors import GUARD_REFUSED, SelfCheckError
from p0_agent.postgres.scram import new_password, verifier

MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))
SET = "p0_set_" + "a" * 32
LOGIN = "p0_eve_" + "a" * 16
OTHER = "p0_eve_" + "d" * 16
OF_OTHER = f"FROM pg_roles WHERE rolname = '{OTHER}'"
VERIFIER = verifier(new_password(bytes), b"salt" * 4, 1)
SETTINGS = {"statement_timeout": ["5s"]}


@pytest.fixture
def mode() -> Mode:
    return "hardened"


@pytest.fixture
async def thief(managed: Managed) -> AsyncIterator[psycopg.AsyncConnection]:
    """The agent's login, in other hands, with every setting that is theirs to make."""
    async with await psycopg.AsyncConnection.connect(
        host=managed.server.host,
        port=managed.server.port,
        user=managed.agent.user,
        password=managed.agent.password.reveal(),
        dbname=managed.database,
        autocommit=True,
        options="-c jit=off",  # as the agent's own: compiling takes seconds
    ) as connection:
        yield connection


async def call(connection: psycopg.AsyncConnection, function: str, *arguments: Any) -> None:
    await connection.execute(
        sql.SQL("SELECT p0_guard.{}({})").format(
            sql.Identifier(function), sql.SQL(", ").join(map(sql.Literal, arguments))
        )
    )


@asynccontextmanager
async def refused(state: str = GUARD_REFUSED) -> AsyncIterator[None]:
    with pytest.raises(psycopg.Error) as caught:
        yield
    assert caught.value.sqlstate == state


@pytest.fixture
async def held(thief: psycopg.AsyncConnection, managed: Managed) -> AsyncIterator[psycopg.AsyncConnection]:
    """The thief, who has made a set role and a login as anybody with this account can."""
    await call(thief, "open_set", SET)
    await call(thief, "open", LOGIN, SET, VERIFIER, soon(), 1, "for me", Jsonb(SETTINGS))
    yield thief
    for function in ("clear", "close"):
        await call(thief, function, [LOGIN, SET])
    assert await managed.roles() == []


def soon() -> int:
    return int(time.time()) + 60


READ = ["enterprise.customers", "p0_guard.ceiling", "pg_catalog.pg_authid"]
BECOME = ["p0_broker", "p0_broker_00", "mydatabase_owner", "postgres"]
WAYS_UP = [
    *(f"SELECT FROM {name}" for name in READ),
    *(f"SET ROLE {name}" for name in BECOME),
    "UPDATE p0_guard.ceiling SET max_ttl = 1",
    "INSERT INTO p0_evidence.log VALUES (-1, 0, '', '', ''); DELETE FROM p0_evidence.log",
    "CREATE ROLE mine",
    "ALTER ROLE p0_agent CREATEROLE",
    "ALTER ROLE p0_agent CONNECTION LIMIT 1000",
    "GRANT p0_broker TO p0_agent",
    "CREATE FUNCTION p0_guard.require(text[], text, text) RETURNS void LANGUAGE sql AS ''",
    "CREATE OR REPLACE FUNCTION p0_guard.made(role text, kinds text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "DROP FUNCTION p0_guard.made(text, text)",
    "ALTER FUNCTION p0_guard.open_set(text) RESET ALL",
    "ALTER SCHEMA p0_guard RENAME TO mine",
    "CREATE TABLE enterprise.mine ()",
    "CREATE SCHEMA mine",
    "CREATE TEMP TABLE pg_roles (rolname text)",
    "SELECT p0_guard.set('p0_reader', '{}')",
    "SELECT p0_guard.act('p0_reader', 'ALTER ROLE p0_agent CREATEROLE')",
    "SELECT p0_makers.p0_broker_00('ALTER ROLE p0_agent CREATEROLE')",
    "CREATE FUNCTION p0_makers.mine() RETURNS void LANGUAGE sql AS ''",
    "SELECT p0_guard.require('{}', 'set')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
]


OLDER = """
CREATE OR REPLACE FUNCTION p0_guard.made(role text, kinds text) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp AS 'SELECT true'
"""


async def test_the_login_itself_can_do_nothing(thief: psycopg.AsyncConnection) -> None:
    for statement in WAYS_UP:
        with pytest.raises((sqlstate.InsufficientPrivilege, sqlstate.CheckViolation)):
            await thief.execute(statement.encode())


async def test_every_function_is_pinned_and_nobody_elses(managed: Managed) -> None:
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute(
            "SELECT p.oid::regprocedure::text, proconfig, pg_get_userbyid(proowner),"
            " has_function_privilege('public', p.oid, 'EXECUTE'), has_function_privilege('p0_reader', p.oid, 'EXECUTE')"
            " FROM pg_proc p WHERE pronamespace = 'p0_guard'::regnamespace"
        )
        functions = await cursor.fetchall()
    assert len(functions) > 10
    for _, settings, owner, public, reader in functions:
        assert settings == ["search_path=pg_catalog, pg_temp"]
        assert (owner, public, reader) == ("p0_broker", False, False)


FOREIGN = [
    "p0_broker",
    "p0_broker_00",
    "p0_agent",
    "p0_reader",
    "postgres",
    "mydatabase_owner",
    "pg_read_all_data",
    "p0_ada_bbbbbbbbbbbbbbbb",
    "p0_set_" + "b" * 32,
]
"""Roles that the agent did not make; two of them have names like those that it makes."""


@pytest.fixture
async def lookalikes(managed: Managed) -> AsyncIterator[None]:
    async with await managed.superuser() as superuser:
        await superuser.execute(f"CREATE ROLE {FOREIGN[-2]} LOGIN; CREATE ROLE {FOREIGN[-1]}".encode())
        yield
        await superuser.execute(f"DROP ROLE {FOREIGN[-2]}, {FOREIGN[-1]}".encode())


def acts_on(role: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    yield "grant", (role, Jsonb([["schema", None, "enterprise", None, "USAGE"]]))
    yield "open", (OTHER, role, VERIFIER, soon(), 1, "", Jsonb({}))
    yield "renew", (role, VERIFIER)
    yield "restore", (role, soon(), "", Jsonb({}))
    yield "fence", (role, "")
    yield "fence", (LOGIN, role)
    yield "kill", (role,)
    yield "enter", (role, VERIFIER, "postgres")
    yield "become", (role,)
    yield "leave", (role,)
    yield "keep", ([role],)
    yield "clear", ([role],)
    yield "clear", ([LOGIN, role],)
    yield "close", ([role],)
    yield "close", ([role, SET],)


async def test_roles_of_others_are_not_touched(held: psycopg.AsyncConnection, lookalikes: None) -> None:
    for role in FOREIGN:
        for function, arguments in acts_on(role):
            async with refused():
                await call(held, function, *arguments)
        for function, arguments in (("open_set", (role,)), ("open", (role, SET, VERIFIER, soon(), 1, "", Jsonb({})))):
            with pytest.raises(psycopg.Error) as caught:
                await call(held, function, *arguments)
            assert caught.value.sqlstate in {GUARD_REFUSED, sqlstate.DuplicateObject.sqlstate}


AS_THE_LOGIN = [
    "SELECT FROM enterprise.customers",
    f"SELECT p0_guard.become('{SET}')",
    f"SELECT p0_guard.leave('{LOGIN}')",
    "SELECT p0_makers.p0_broker_00('SELECT 1')",
    f"GRANT {LOGIN} TO p0_reader",
    f"GRANT SELECT ON enterprise.markets TO {LOGIN}",
    f"ALTER ROLE {LOGIN} CREATEROLE",
    f"ALTER ROLE {LOGIN} VALID UNTIL 'infinity'",
    "SET SESSION AUTHORIZATION postgres",
    "CREATE FUNCTION enterprise.mine() RETURNS void LANGUAGE sql AS ''",
]


async def test_becoming_a_role_gives_what_it_has_for_as_long_as_one_is_it(
    held: psycopg.AsyncConnection, managed: Managed
) -> None:
    """No more than a login of one's own making would: what it reads comes with its set role, which is the guard's."""
    await call(held, "grant", SET, Jsonb([["schema", None, "enterprise", None, "USAGE"]]))
    await call(held, "become", LOGIN)
    cursor = await held.execute("SELECT has_schema_privilege('enterprise', 'USAGE')")  # without SET ROLE: nothing
    assert await cursor.fetchone() == (False,)
    await held.execute(f"SET ROLE {LOGIN}".encode())
    for statement in AS_THE_LOGIN:
        with pytest.raises(sqlstate.InsufficientPrivilege):
            await held.execute(statement.encode())
    await held.execute("RESET ROLE")
    await call(held, "leave", LOGIN)
    with pytest.raises(sqlstate.InsufficientPrivilege):
        await held.execute(f"SET ROLE {LOGIN}".encode())
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute("SELECT FROM pg_auth_members WHERE member = 'p0_agent'::regrole")
        assert await cursor.fetchall() == []


INJECTIONS = [
    f'{SET}" SUPERUSER; --',
    f"{SET}'; ALTER ROLE p0_agent SUPERUSER; --",
    f"{SET}\nSUPERUSER",
    f"{SET}\n",
    f"{SET} ",
    f"{SET}%I",
    f"{SET}$p0$",
    f"{SET}, postgres",
    SET.upper(),
    "",
]


async def test_names_are_data(held: psycopg.AsyncConnection) -> None:
    for name in INJECTIONS:
        for function, arguments in (("open_set", (name,)), ("open", (name, SET, VERIFIER, soon(), 1, "", Jsonb({})))):
            async with refused():
                await call(held, function, *arguments)
        for act, on in acts_on(name):
            if (act, *on) == ("fence", LOGIN, ""):
                continue  # which says: without a set role
            with pytest.raises(psycopg.Error) as caught:
                await call(held, act, *on)
            assert caught.value.sqlstate in {
                GUARD_REFUSED,
                sqlstate.UndefinedObject.sqlstate,
                sqlstate.DuplicateObject.sqlstate,
            }


BEYOND = [
    ["relation", "enterprise", "markets", None, "TRIGGER"],
    ["relation", "enterprise", "markets", None, "ALL"],
    ["relation", "enterprise", "markets", None, "SELECT ON ledger.entries TO PUBLIC; --"],
    ["relation", "enterprise", "markets", None, "select"],
    ["relation", "pg_catalog", "pg_authid", None, "SELECT"],
    ["relation", "p0_guard", "ceiling", None, "UPDATE"],
    ["relation", "p0_evidence", "log", None, "DELETE"],
    ["relation", None, "markets", None, "SELECT"],
    ["column", "enterprise", "markets", None, "SELECT"],
    ["schema", None, "enterprise", None, "CREATE"],
    ["schema", None, "p0_guard", None, "USAGE"],
    ["schema", None, "p0", None, "USAGE"],
    ["database", None, "postgres", None, "CONNECT"],
    ["database", None, "postgres", None, "CREATE"],
    ["role", None, "pg_read_all_data", None, "MEMBER"],
    ["role", None, "pg_execute_server_program", None, "MEMBER"],
    ["role", None, "p0_broker", None, "MEMBER"],
    ["role", None, "mydatabase_owner", None, "MEMBER"],
    ["role", None, "mydatabase_owner", None, "SELECT"],
    ["function", "pg_catalog", "pg_read_file(text)", None, "EXECUTE"],
    ["function", "p0_guard", "made(text, text)", None, "EXECUTE"],
    ["function", "enterprise", "f()", None, "ALL"],
    ["function", None, "f()", None, "EXECUTE"],
    ["type", "pg_catalog", "int4", None, "USAGE"],
    ["type", "enterprise", "t", None, "CREATE"],
    ["large_object", None, "4711", None, "ALL"],
    ["large_object", "enterprise", "4711", None, "SELECT"],
    ["database", None, "postgres", None, "TEMPORARY"],
    ["other", None, "anything", None, "SELECT"],
    [None, None, None, None, None],
    [None, None, "markets", None, "SELECT ON ALL TABLES IN SCHEMA ledger TO PUBLIC; --"],
    [None, "enterprise", "markets", None, "SELECT"],
    ["relation", "enterprise", None, None, "SELECT"],
    ["relation", "enterprise", "markets", None, None],
    [None, "enterprise", "markets", None, "TRIGGER"],
    [None, "enterprise", "markets", None, "SELECT ON enterprise.markets TO PUBLIC; --"],
    ["role", None, None, None, "MEMBER"],
    [],
    {"kind": "relation"},
]


async def test_nothing_above_the_ceiling_is_granted(held: psycopg.AsyncConnection) -> None:
    good = ["schema", None, "enterprise", None, "USAGE"]
    for permission in BEYOND:
        async with refused():
            await call(held, "grant", SET, Jsonb([good, permission]))
    cursor = await held.execute("SELECT has_schema_privilege(%s, 'enterprise', 'USAGE')", (SET,))
    assert await cursor.fetchone() == (False,)


async def test_a_role_that_owns_something_is_not_granted(managed: Managed, held: psycopg.AsyncConnection) -> None:
    """Also where the ceiling names it, and the broker administers it: its members can do what an owner can."""
    async with await managed.superuser() as superuser:
        await superuser.execute("UPDATE p0_guard.ceiling SET roles = ARRAY['mydatabase_owner']")
        await superuser.execute("GRANT mydatabase_owner TO p0_broker WITH ADMIN OPTION")
        try:
            async with refused():
                await call(held, "grant", SET, Jsonb([["role", None, "mydatabase_owner", None, "MEMBER"]]))
        finally:
            await superuser.execute("REVOKE mydatabase_owner FROM p0_broker CASCADE")


async def test_objects_are_data(held: psycopg.AsyncConnection) -> None:
    for name in ("markets TO PUBLIC; --", 'markets" TO PUBLIC; --', "markets, ledger.entries", "%I"):
        for column in (None, name):
            kind = "relation" if column is None else "column"
            with pytest.raises((sqlstate.UndefinedTable, sqlstate.UndefinedColumn)):
                await call(
                    held,
                    "grant",
                    SET,
                    Jsonb([[kind, "enterprise", name if column is None else "markets", column, "SELECT"]]),
                )


async def test_functions_types_and_large_objects_are_data(held: psycopg.AsyncConnection) -> None:
    for name in ("f() TO PUBLIC; --", 'f"()', "f(integer", "%I", "4711 TO PUBLIC; --", "-1"):
        for kind, schema, privilege in (
            ("function", "enterprise", "EXECUTE"),
            ("type", "enterprise", "USAGE"),
            ("large_object", None, "SELECT"),
        ):
            with pytest.raises((sqlstate.UndefinedObject, sqlstate.DataError)):
                await call(held, "grant", SET, Jsonb([[kind, schema, name, None, privilege]]))


async def test_what_the_ceiling_leaves_out_is_not_granted(managed: Managed, held: psycopg.AsyncConnection) -> None:
    temporary = ["database", None, managed.database, None, "TEMPORARY"]
    async with await managed.superuser() as superuser:
        await superuser.execute("SELECT lo_create(4711)")
        await superuser.execute("GRANT SELECT ON LARGE OBJECT 4711 TO p0_broker WITH GRANT OPTION")
        for column, permission in (
            ("kinds", ["large_object", None, "4711", None, "SELECT"]),
            ("privileges", temporary),
        ):
            await call(held, "grant", SET, Jsonb([permission]))
            await superuser.execute(
                sql.SQL(
                    "UPDATE p0_guard.ceiling SET {0} = array_remove(array_remove({0}, 'large_object'), 'TEMPORARY')"
                ).format(sql.Identifier(column))
            )
            async with refused():
                await call(held, "grant", SET, Jsonb([permission]))


async def test_no_more_permissions_than_the_ceiling_has_room_for(held: psycopg.AsyncConnection) -> None:
    many = [["column", "enterprise", "markets", str(number), "SELECT"] for number in range(1_001)]
    async with refused():
        await call(held, "grant", SET, Jsonb(many))


async def test_no_end_above_the_ceiling(managed: Managed, held: psycopg.AsyncConnection) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute("UPDATE p0_guard.ceiling SET max_ttl = 600")
    too_late = (0, -1, 2**62, soon() + 700)
    for not_after in too_late:
        async with refused():
            await call(held, "open", OTHER, SET, VERIFIER, not_after, 1, f"{OTHER} [{2**62}]", Jsonb({}))
    await call(held, "open", OTHER, SET, VERIFIER, soon(), 1, f"[{2**62}]", Jsonb({}))
    for not_after in too_late:
        async with refused():
            await call(held, "restore", OTHER, not_after, "", Jsonb({}))
    await call(held, "restore", OTHER, soon() + 300, "", Jsonb({}))
    await call(held, "clear", [OTHER])
    await call(held, "close", [OTHER])


async def test_no_time_zone_of_the_thiefs_moves_the_end(held: psycopg.AsyncConnection) -> None:
    """From PostgreSQL 18 on a session's zone says what Z means."""
    await held.execute("SET timezone = '<Z>+167'")
    for function, arguments in (
        ("open", (OTHER, SET, VERIFIER, 2_000_000_000, 1, "", Jsonb({}))),
        ("restore", (OTHER, 2_000_000_000, "", Jsonb({}))),
    ):
        await call(held, function, *arguments)
        cursor = await held.execute(f"SELECT extract(epoch FROM rolvaliduntil)::bigint {OF_OTHER}")
        assert await cursor.fetchone() == (2_000_000_000,)
    await call(held, "fence", OTHER, SET)
    await call(held, "enter", OTHER, VERIFIER, "postgres")
    cursor = await held.execute(f"SELECT rolvaliduntil < now() + interval '2 min' {OF_OTHER}")
    assert await cursor.fetchone() == (True,)
    await call(held, "clear", [OTHER])
    await call(held, "close", [OTHER])


async def test_without_a_ceiling_nothing_is_granted(managed: Managed, held: psycopg.AsyncConnection) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute("DELETE FROM p0_guard.ceiling")
    async with refused():
        await call(held, "grant", SET, Jsonb([["relation", "enterprise", "markets", None, "SELECT"]]))


async def test_no_more_sessions_than_the_ceiling(held: psycopg.AsyncConnection) -> None:
    for sessions in (0, -1, 6, 2**31 - 1):
        async with refused():
            await call(held, "open", OTHER, SET, VERIFIER, soon(), sessions, "", Jsonb({}))


async def test_only_a_scram_verifier_is_a_password(held: psycopg.AsyncConnection) -> None:
    plain = ("pencil", "", "md5" + "0" * 32, VERIFIER.replace("$1:", "$0:"))
    for text in (*plain, VERIFIER + "\n", VERIFIER + "' SUPERUSER --", "x" + VERIFIER):
        for function, arguments in (
            ("renew", (LOGIN, text)),
            ("enter", (LOGIN, text, "postgres")),
            ("open", (OTHER, SET, text, soon(), 1, "", Jsonb({}))),
        ):
            async with refused():
                await call(held, function, *arguments)


LOADED: list[dict[str, list[str | None]]] = [
    {"role": ["p0_broker"]},
    {"local_preload_libraries": ["evil"]},
    {"session_preload_libraries": ["evil"]},
    {"SEARCH_PATH": ["enterprise"]},
    {"work_mem": ["1GB"]},
    {"search_path": []},
    {"search_path": [None]},
    {"statement_timeout = 0; ALTER ROLE p0_agent SUPERUSER; --": ["1"]},
]


async def test_only_harmless_settings(held: psycopg.AsyncConnection) -> None:
    for settings in LOADED:
        async with refused():
            await call(held, "restore", LOGIN, soon(), "", Jsonb(settings))


async def test_values_of_settings_are_data(held: psycopg.AsyncConnection) -> None:
    hostile = ["a'; ALTER ROLE p0_agent SUPERUSER; --", 'b"', "c\\"]
    await held.execute("SET standard_conforming_strings = off")
    await call(held, "restore", LOGIN, soon(), "", Jsonb({"search_path": hostile}))
    await held.execute("SET standard_conforming_strings = on")
    cursor = await held.execute(
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole WHERE rolname = %s", (LOGIN,)
    )
    assert await cursor.fetchone() == (['search_path="a\'; ALTER ROLE p0_agent SUPERUSER; --", "b""", "c\\"'],)


async def test_what_the_thief_puts_in_the_way_is_not_looked_at(held: psycopg.AsyncConnection) -> None:
    """Functions and operators of the same names and better fit, in a schema that is the agent's own."""
    await held.execute(
        """
        CREATE FUNCTION p0.made(role text, kinds text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE FUNCTION p0.format(text, text) RETURNS text LANGUAGE sql AS $$SELECT 'ALTER ROLE p0_agent SUPERUSER'$$;
        CREATE FUNCTION p0.match(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR p0.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = p0.match);
        CREATE TABLE p0.pg_roles (oid oid, rolname text, rolsuper boolean, rolcreaterole boolean);
        SET search_path = p0, pg_catalog
        """
    )
    for role in ("p0_reader", "postgres"):
        async with refused():
            await call(held, "renew", role, VERIFIER)
    await call(held, "renew", LOGIN, VERIFIER)


async def test_nothing_happens_for_null(held: psycopg.AsyncConnection) -> None:
    await held.execute("SELECT p0_guard.open(NULL, NULL, NULL, NULL, NULL, NULL, NULL), p0_guard.clear(NULL)")
    for function in ("clear", "close"):
        async with refused():
            await call(held, function, [LOGIN, None])


async def test_a_login_that_is_not_fenced_is_not_entered(held: psycopg.AsyncConnection) -> None:
    async with refused():
        await call(held, "enter", LOGIN, VERIFIER, "postgres")


async def test_an_access_of_another_end_is_the_most_there_is_to_have(
    managed: Managed, thief: psycopg.AsyncConnection
) -> None:
    """What the functions cannot prevent: whoever has the account can open an access below the ceiling, in the open."""
    entry, opened = await managed.open(*MARKETS)
    stolen = new_password(lambda size: b"\x01" * size)
    await call(thief, "renew", opened.login, verifier(stolen, b"salt" * 4, 1))
    async with await managed.login(msgspec.structs.replace(opened, password=stolen)) as user:
        await user.execute("SELECT FROM enterprise.markets")
    await managed.end(entry)


@pytest.mark.parametrize(
    ("harm", "undo", "code"),
    [
        ("GRANT p0_broker TO p0_agent", "REVOKE p0_broker FROM p0_agent", "agent_not_apart"),
        ("ALTER ROLE p0_agent CREATEROLE", "ALTER ROLE p0_agent NOCREATEROLE", "agent_not_apart"),
        ("GRANT pg_read_all_data TO p0_agent", "REVOKE pg_read_all_data FROM p0_agent", "account_too_strong"),
        ("ALTER ROLE p0_broker SUPERUSER", "ALTER ROLE p0_broker NOSUPERUSER", "account_too_strong"),
        ("ALTER ROLE p0_broker NOCREATEROLE", "ALTER ROLE p0_broker CREATEROLE", "agent_not_broker"),
        ("GRANT mydatabase_owner TO p0_broker", "REVOKE mydatabase_owner FROM p0_broker", "agent_owner"),
        ("GRANT SELECT ON enterprise.markets TO p0_agent", "SELECT", "guard_unfit"),
        ("GRANT UPDATE ON p0_guard.ceiling TO p0_agent", "SELECT", "guard_unfit"),
        ("GRANT CREATE ON SCHEMA p0_guard TO p0_agent", "SELECT", "guard_unfit"),
        ("ALTER TABLE enterprise.markets OWNER TO p0_agent", "SELECT", "bootstrap_incomplete"),
        ("GRANT EXECUTE ON FUNCTION p0_guard.kill(text) TO PUBLIC", "SELECT", "guard_unfit"),
        ("GRANT EXECUTE ON FUNCTION p0_guard.set(text, jsonb) TO p0_agent", "SELECT", "guard_unfit"),
        ("REVOKE EXECUTE ON FUNCTION p0_guard.kill(text) FROM p0_agent", "SELECT", "guard_unfit"),
        ("ALTER FUNCTION p0_guard.kill(text) RESET ALL", "SELECT", "guard_unfit"),
        ("ALTER FUNCTION p0_guard.kill(text) OWNER TO postgres", "SELECT", "guard_unfit"),
        ("DROP FUNCTION p0_guard.kill(text)", "SELECT", "guard_unfit"),
        ("DROP FUNCTION p0_guard.made(text, text)", "SELECT", "guard_unfit"),
        (OLDER, "SELECT", "guard_unfit"),
        ("DROP SCHEMA p0_guard CASCADE", "SELECT", "guard_unfit"),
    ],
)
async def test_an_agent_that_is_not_apart_does_not_start(harm: str, undo: str, code: str, managed: Managed) -> None:
    async with await managed.superuser() as superuser:
        await superuser.execute(harm.encode())
        try:
            await managed.cluster.connections.close()
            with pytest.raises(SelfCheckError) as caught:
                await managed.cluster.start(THUMBPRINT, NOW)
        finally:
            await superuser.execute(undo.encode())
    assert caught.value.code == code
    of_both_modes = {"account_too_strong", "agent_owner", "bootstrap_incomplete"}
    assert ("--hardened" in (caught.value.hint or "")) == (code not in of_both_modes)


async def test_from_one_mode_to_the_other_and_back(managed: Managed) -> None:
    """What is open stays open, and is ended by whoever is there."""
    entry, _ = await managed.open(*MARKETS)
    databases = {managed.database: ("enterprise", "ledger")}
    await managed.cluster.connections.close()
    async with managing(managed.server, managed.database, databases, "broker") as broker:
        (found,) = await broker.cluster.ledger.live()
        assert found.rh == entry.rh
        await broker.end(entry)
    await bootstrap(managed.server, managed.database, databases, "hardened")
    await managed.cluster.start(THUMBPRINT, NOW)
    entry, _ = await managed.open(*MARKETS)
    await managed.end(entry)


async def test_no_role_goes_while_it_has_sessions(held: psycopg.AsyncConnection, managed: Managed) -> None:
    """Only a superuser could end them then."""
    secret = new_password(bytes)
    await call(held, "open", OTHER, SET, verifier(secret, b"salt" * 4, 1), soon(), 1, "for me", Jsonb(SETTINGS))
    await call(held, "grant", SET, Jsonb([["database", None, managed.database, None, "CONNECT"]]))
    async with await psycopg.AsyncConnection.connect(
        host=managed.server.host,
        port=managed.server.port,
        user=OTHER,
        password=secret.reveal(),
        dbname=managed.database,
        autocommit=True,
    ):
        await call(held, "clear", [OTHER])
        async with refused("55006"):
            await call(held, "close", [OTHER])
        await call(held, "kill", OTHER)
        async with await managed.superuser() as superuser:  # waits until it is out
            await superuser.execute(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{OTHER}'"
            )
    await call(held, "close", [OTHER])
