"""Roles that exist already, asked for by name: what they give is looked at, shown, held to the ceiling, and had."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import msgspec
import psycopg
import pytest

from fix_agent_core import Bench
from fix_postgres import BOTH_MODES, Managed, Mode, fresh_database
from p0_access.messages.records import What
from p0_access.permissions.permission import Kind, Permission, column, relation, usage
from p0_access.routing.load import load
from p0_agent.config import Ceiling
from p0_agent.core.drift import end_changed
from p0_agent.core.redefined import Redefinitions

pytestmark = BOTH_MODES

RULES = """
version: 1
rules:
  - name: ledger
    resource: {databases: ["*"], relations: ["ledger.*"]}
    approval: {deny: "Use a migration."}
  - name: reporting
    requestor: {groups: [analysts]}
    resource: {databases: ["*"], roles: [reporting, other]}
    access: {kinds: [role]}
    approval: {auto: true}
"""
ROLE = """
CREATE ROLE reporting;
CREATE ROLE reporting_base;
GRANT reporting_base TO reporting;
GRANT USAGE ON SCHEMA enterprise TO reporting;
GRANT SELECT ON enterprise.markets TO reporting;
GRANT SELECT (name) ON enterprise.customers TO reporting_base
"""


@pytest.fixture
async def reporting(managed: Managed) -> AsyncIterator[psycopg.AsyncConnection]:
    """A role with privileges of its own and of another's, which the agent may grant."""
    async with await managed.superuser() as superuser:
        await superuser.execute(ROLE.encode())
        new = superuser.info.server_version >= 160000
        options = "WITH ADMIN TRUE, INHERIT FALSE, SET FALSE" if new else "WITH ADMIN OPTION"
        await superuser.execute(f"GRANT reporting TO p0_broker {options}".encode())
        try:
            yield superuser
        finally:
            await superuser.execute("DROP OWNED BY reporting, reporting_base CASCADE")
            await superuser.execute("DROP ROLE reporting, reporting_base")


@pytest.fixture
async def desk(bench: Bench, reporting: psycopg.AsyncConnection, mode: Mode) -> Bench:
    """With rules about roles, and an agent that may grant some."""
    bench.context = dataclasses.replace(
        bench.context,
        rules=load(RULES.encode(), source="rules.yaml"),
        ceiling=Ceiling(roles=("reporting", "p0_broker", "gone"), privileges=("CONNECT", "USAGE", "SELECT")),
    )
    if mode == "hardened":
        await reporting.execute("UPDATE p0_guard.ceiling SET roles = ARRAY['reporting']")
    return bench


async def refused(desk: Bench, role: str) -> str:
    """The code and the words with which it is."""
    request, _ = desk.ask(desk.person("dana", "analysts"), what=What(role=role))
    result = await desk.admit(request)
    assert result.outcome == "refused", result
    return f"{result.code}: {result.message}"


async def test_what_comes_with_the_role_is_shown_and_had_and_gone(desk: Bench) -> None:
    dana = desk.person("dana", "analysts")
    request, opening = desk.ask(dana, what=What(role="reporting"))
    result = await desk.admit(request)
    assert result.outcome == "active", result
    admission = desk.admission(result).record
    assert Permission(Kind.ROLE, None, "reporting", None, "MEMBER") in admission.permissions
    assert admission.reached == (
        column("enterprise", "customers", "name", "SELECT"),
        relation("enterprise", "markets", "SELECT"),
        usage("enterprise"),
    )
    async with await desk.connect(desk.open(result, opening)) as connection:
        await connection.execute("SELECT FROM enterprise.markets")
        await connection.execute("SELECT name FROM enterprise.customers")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT email FROM enterprise.customers")
        if connection.info.server_version >= 160000:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute("SET ROLE reporting")
        await connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("GRANT reporting TO p0_reader")
    assert await desk.managed.cluster.drift() == ()
    assert (await desk.end(request, dana)).outcome == "ended"
    assert await desk.roles() == []


TOO_FAR = [
    ("ALTER ROLE reporting SUPERUSER", "ALTER ROLE reporting NOSUPERUSER", "reporting is a superuser"),
    (
        "ALTER ROLE reporting_base CREATEROLE",
        "ALTER ROLE reporting_base NOCREATEROLE",
        "reporting_base, which may make",
    ),
    ("ALTER ROLE reporting_base BYPASSRLS", "ALTER ROLE reporting_base NOBYPASSRLS", "which bypasses row security"),
    ("GRANT pg_monitor TO reporting", "REVOKE pg_monitor FROM reporting", "predefined roles"),
    (
        "GRANT mydatabase_owner TO reporting_base",
        "REVOKE mydatabase_owner FROM reporting_base",
        "reporting is a member of mydatabase_owner, which owns objects",
    ),
    (
        "CREATE TABLE public.its (); ALTER TABLE public.its OWNER TO reporting",
        "DROP TABLE public.its",
        "reporting owns objects",
    ),
    (
        "GRANT SELECT ON enterprise.orders TO reporting WITH GRANT OPTION",
        "REVOKE SELECT ON enterprise.orders FROM reporting",
        "SELECT on relation enterprise.orders with grant option, which is not to be had by a request",
    ),
    (
        "GRANT INSERT ON enterprise.orders TO reporting_base",
        "REVOKE INSERT ON enterprise.orders FROM reporting_base",
        "comes too much: INSERT on enterprise.orders",
    ),
    (
        "GRANT SELECT ON p0_evidence.log TO reporting",
        "REVOKE SELECT ON p0_evidence.log FROM reporting",
        "comes too much: the agent does not manage the schema p0_evidence",
    ),
    (
        "GRANT TEMPORARY ON DATABASE {} TO reporting",
        "REVOKE TEMPORARY ON DATABASE {} FROM reporting",
        "comes too much: TEMPORARY",
    ),
    (
        "GRANT CONNECT ON DATABASE postgres TO reporting",
        "REVOKE CONNECT ON DATABASE postgres FROM reporting",
        "CONNECT on database postgres, which is not to be had by a request",
    ),
    ("REVOKE reporting FROM p0_broker", "SELECT", "role_not_grantable"),
]


async def test_a_role_that_reaches_too_far_is_refused_with_the_reason(
    desk: Bench, reporting: psycopg.AsyncConnection
) -> None:
    for harm, undo, says in TOO_FAR:
        await reporting.execute(harm.replace("{}", desk.managed.database).encode())
        assert says in await refused(desk, "reporting")
        await reporting.execute(undo.replace("{}", desk.managed.database).encode())


AS_THE_ROLE = """
ALTER DEFAULT PRIVILEGES FOR ROLE reporting GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE reporting IN SCHEMA public GRANT ALL ON SEQUENCES TO reporting_base;
ALTER DEFAULT PRIVILEGES FOR ROLE reporting REVOKE ALL ON FUNCTIONS FROM PUBLIC, reporting;
ALTER DEFAULT PRIVILEGES FOR ROLE reporting_base GRANT CREATE ON SCHEMAS TO PUBLIC
"""


async def test_what_is_changed_about_the_role_does_not_outlast_the_access(
    desk: Bench, reporting: psycopg.AsyncConnection
) -> None:
    """Default privileges, which whoever inherits from a role may change, in every database."""
    dana = desk.person("dana", "analysts")
    request, opening = desk.ask(dana, what=What(role="reporting"))
    opened = desk.open(await desk.admit(request), opening)
    async with fresh_database(desk.managed.server) as other:
        for database in (desk.managed.database, other):
            async with await desk.connect(msgspec.structs.replace(opened, dbname=database)) as connection:
                await connection.execute("SET default_transaction_read_only = off")
                made = AS_THE_ROLE if database != other else AS_THE_ROLE[AS_THE_ROLE.rindex("ALTER") :]
                await connection.execute(made.encode())
        assert (await desk.end(request, dana)).outcome == "ended"
        for database in (desk.managed.database, other):
            async with await desk.managed.superuser(database) as superuser:
                cursor = await superuser.execute(
                    "SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl"
                    " WHERE defaclrole IN ('reporting'::regrole, 'reporting_base'::regrole)"
                )
                assert await cursor.fetchall() == []
    again, _ = desk.ask(dana, what=What(role="reporting"))
    assert (await desk.admit(again)).outcome == "active"
    assert (await desk.end(again, dana)).outcome == "ended"


BEFORE_16 = [
    (
        "ALTER ROLE reporting_base LOGIN",
        "ALTER ROLE reporting_base NOLOGIN",
        "ALTER ROLE reporting_base PASSWORD 'mine'",
        "reporting is a member of reporting_base, which may log in",
    ),
    (
        "GRANT CREATE ON SCHEMA enterprise TO PUBLIC",
        "REVOKE CREATE ON SCHEMA enterprise FROM PUBLIC",
        "SET ROLE reporting",
        "reporting could be left the owner of something: everybody may make objects in SCHEMA enterprise",
    ),
]


async def test_before_16_nobody_gets_a_role_that_could_be_used_later(
    desk: Bench, reporting: psycopg.AsyncConnection
) -> None:
    """Who can become it can give it a password, or leave a SECURITY DEFINER function of its."""
    for harm, undo, act, says in BEFORE_16:
        await reporting.execute(harm.encode())
        if reporting.info.server_version < 160000:
            assert says in await refused(desk, "reporting")
        else:
            dana = desk.person("dana", "analysts")
            request, opening = desk.ask(dana, what=What(role="reporting"))
            async with await desk.connect(desk.open(await desk.admit(request), opening)) as connection:
                await connection.execute("SET default_transaction_read_only = off")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await connection.execute(act.encode())
            assert (await desk.end(request, dana)).outcome == "ended"
        await reporting.execute(undo.encode())


async def test_only_roles_of_the_ceiling_and_none_of_the_agents(desk: Bench) -> None:
    assert "role_above_ceiling: this agent never grants the role reporting_base" in await refused(
        desk, "reporting_base"
    )
    assert "role_unknown" in await refused(desk, "gone")
    assert await refused(desk, "p0_broker") == "role_too_strong: p0_broker may make roles"


async def test_rules_that_deny_look_at_what_comes_with_it(desk: Bench, reporting: psycopg.AsyncConnection) -> None:
    await reporting.execute("GRANT USAGE ON SCHEMA ledger TO reporting; GRANT SELECT ON ledger.entries TO reporting")
    request, _ = desk.ask(desk.person("dana", "analysts"), what=What(role="reporting"))
    result = await desk.admit(request)
    assert result.outcome == "denied"


async def test_a_role_is_not_had_as_a_permission_by_name(desk: Bench) -> None:
    request, _ = desk.ask(
        desk.person("dana", "analysts"), what=What(grant=(Permission(Kind.ROLE, None, "reporting", None, "MEMBER"),))
    )
    result = await desk.admit(request)
    assert (result.outcome, result.code) == ("refused", "role_among_grants")


async def test_a_role_that_became_more_meanwhile_is_not_collected(
    desk: Bench, reporting: psycopg.AsyncConnection
) -> None:
    dana = desk.person("dana", "analysts")
    request, _ = desk.ask(dana, what=What(role="reporting"))
    desk.clock.now += 300  # too old to be its own collection
    admitted = await desk.admit(request)
    assert admitted.outcome == "approved", admitted
    await reporting.execute("GRANT SELECT ON enterprise.orders TO reporting")
    result = await desk.collect(request, admitted, dana)
    assert (result.outcome, result.code) == ("refused", "changed")


async def test_a_live_access_by_a_role_that_became_more_is_ended(
    desk: Bench, reporting: psycopg.AsyncConnection
) -> None:
    looks = Redefinitions()
    request, _ = desk.ask(desk.person("dana", "analysts"), what=What(role="reporting"))
    assert (await desk.admit(request)).outcome == "active"
    for _ in range(2):
        assert await end_changed(desk.context, looks) == ()
    await reporting.execute("GRANT SELECT ON enterprise.orders TO reporting")
    assert len(await end_changed(desk.context, looks)) == 1
    assert await desk.roles() == []


GIFTS = """
SELECT lo_create(4711);
GRANT ALL ON LARGE OBJECT 4711 TO reporting, reporting_base WITH GRANT OPTION;
CREATE TEMP TABLE mine ();
GRANT SELECT ON mine TO reporting;
CREATE POLICY mine ON mine TO reporting_base
"""


async def test_what_a_login_gives_the_role_is_held_against_that_login_alone(
    desk: Bench, reporting: psycopg.AsyncConnection
) -> None:
    """Or anybody could end what others have by the role, and keep everybody from having it: in any database."""
    dana, looks = desk.person("dana", "analysts"), Redefinitions()
    one, _ = desk.ask(dana, what=What(role="reporting"))
    assert (await desk.admit(one)).outcome == "active"
    temporary = Permission(Kind.DATABASE, None, desk.managed.database, None, "TEMPORARY")
    eves, eve = await desk.managed.open(temporary, read_only=False)
    async with fresh_database(desk.managed.server) as other:
        for database in (desk.managed.database, other):
            async with await desk.managed.login(eve, database) as user:
                await user.execute(GIFTS.encode())
                (drift,) = await desk.managed.cluster.drift()
                what = "the login gave privileges on what it owns to reporting and 1 more"
                assert (drift.login, drift.what) == (eve.login, what)
                assert await looks.look(desk.context) == ()
                two, _ = desk.ask(dana, what=What(role="reporting"))
                assert (await desk.admit(two)).outcome == "active"
                assert (await desk.end(two, dana)).outcome == "ended"
                await user.execute("SELECT lo_unlink(4711); DROP TABLE mine")
        assert await desk.managed.cluster.drift() == ()
        await reporting.execute(f"GRANT CONNECT ON DATABASE {other} TO reporting".encode())
        (drift,) = await looks.look(desk.context)
        assert drift.login != eve.login
        await reporting.execute(f"REVOKE CONNECT ON DATABASE {other} FROM reporting".encode())
    await desk.managed.end(eves)
    assert (await desk.end(one, dana)).outcome == "ended"


FOR_OTHERS = """
ALTER DEFAULT PRIVILEGES FOR ROLE reporting GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE reporting GRANT SELECT ON TABLES TO reporting_base, {login};
ALTER DEFAULT PRIVILEGES FOR ROLE reporting_base GRANT ALL ON SEQUENCES TO reporting, {set}
"""


async def test_default_privileges_that_a_login_made_for_the_role_are_held_against_nobody(desk: Bench) -> None:
    """They give nothing while nobody makes something as the role, and are taken back at the end of each access."""
    looks = Redefinitions()
    managed = desk.managed
    eve, bob = desk.person("eve", "analysts"), desk.person("bob", "analysts")
    eves, opening = desk.ask(eve, what=What(role="reporting"))
    opened = desk.open(await desk.admit(eves), opening)
    bobs, opening = desk.ask(bob, what=What(role="reporting"))
    login = desk.open(await desk.admit(bobs), opening).user
    set_role = next(role for role in await desk.roles() if role.startswith("p0_set_"))
    async with fresh_database(managed.server) as other:
        for database in (managed.database, other):
            async with await desk.connect(msgspec.structs.replace(opened, dbname=database)) as connection:
                await connection.execute("SET default_transaction_read_only = off")
                await connection.execute(FOR_OTHERS.format(login=login, set=set_role).encode())
            assert await managed.cluster.drift() == ()
            assert await looks.look(desk.context) == ()
        new, _ = desk.ask(bob, what=What(role="reporting"))
        result = await desk.admit(new)
        assert result.outcome == "active", (result.code, result.message)
        for request, person in ((eves, eve), (bobs, bob), (new, bob)):
            assert (await desk.end(request, person)).outcome == "ended"
        async with await managed.superuser(other) as superuser:
            assert await (await superuser.execute("SELECT FROM pg_default_acl")).fetchall() == []
