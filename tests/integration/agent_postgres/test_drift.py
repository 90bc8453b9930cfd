"""The drift watchdog: what others change about a live access is put right, or the access is to be ended."""

from __future__ import annotations

import pytest
from psycopg import sql

from fix_postgres import BOTH_MODES, NOW, THUMBPRINT, Managed
from p0_access.permissions.permission import Kind, Permission, column, relation, usage
from p0_agent.postgres.ending import shut_out
from p0_agent.postgres.provision import Opened

pytestmark = BOTH_MODES
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))
SHARED_SETS = 160000


async def state(managed: Managed, opened: Opened) -> list[tuple[object, ...]]:
    """All that the catalogs say about the two roles of an access."""
    async with await managed.superuser() as superuser:
        cursor = await superuser.execute(
            "SELECT r.rolname, r.rolvaliduntil::text, s.setdatabase,"
            " replace(replace(replace(s.setconfig::text, '900s', '15min'), '300s', '5min'), '3600s', '1h'),"
            " (SELECT string_agg(relacl::text, ' ' ORDER BY oid) FROM pg_class WHERE relacl::text ~ r.rolname),"
            " (SELECT string_agg(attacl::text, ' ') FROM pg_attribute WHERE attacl::text ~ r.rolname)"
            " FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid"
            " WHERE r.rolname IN (%s, %s) ORDER BY 1, 3",
            (opened.login, opened.set_role),
        )
        return await cursor.fetchall()


async def act(managed: Managed, opened: Opened, statements: str) -> None:
    """As a superuser, in the managed database; `{login}`, `{set}` and `{database}` stand for the names."""
    composed = sql.SQL(statements).format(
        login=sql.Identifier(opened.login),
        set=sql.Identifier(opened.set_role),
        database=sql.Identifier(managed.database),
    )
    async with await managed.superuser() as superuser:
        await superuser.execute(composed)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("ALTER ROLE {login} VALID UNTIL 'infinity'", "its VALID UNTIL was changed"),
        ("ALTER ROLE {login} SET statement_timeout = 0", "its settings were changed"),
        ("ALTER ROLE {login} SET search_path = 'elsewhere'", "its settings were changed"),
        ("ALTER ROLE {login} RESET ALL", "its settings were changed"),
        ("ALTER ROLE {login} IN DATABASE {database} SET work_mem = '1GB'", "its settings were changed"),
        (
            "SET ROLE p0_broker; GRANT SELECT ON ledger.entries TO {set}",
            "its privileges were changed: extra: SELECT on relation ledger.entries",
        ),
        (
            "SET ROLE p0_broker; GRANT UPDATE (name) ON enterprise.markets TO {set}",
            "its privileges were changed: extra: UPDATE on column enterprise.markets.name",
        ),
    ],
)
async def test_what_can_be_put_right_is(change: str, what: str, managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    assert await managed.cluster.drift() == ()
    before = await state(managed, opened)
    await act(managed, opened, change)
    assert await state(managed, opened) != before
    (drift,) = await managed.cluster.drift()
    assert (drift.rh, drift.login, drift.what, drift.mended) == (entry.rh, opened.login, what, True)
    assert await state(managed, opened) == before
    assert await managed.cluster.drift() == ()
    await managed.end(entry)


async def test_a_login_that_was_shut_out_while_its_row_says_otherwise_is_found(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    await shut_out(managed.cluster.connections, login=opened.login, set_role=opened.set_role)
    (drift,) = await managed.cluster.drift()
    assert (drift.what, drift.mended) == ("the login inherits nothing from its set role any more", False)
    await managed.end(entry)


@pytest.mark.parametrize(
    ("change", "what", "undo"),
    [
        ("ALTER ROLE {login} CREATEDB", "the login was given attributes of a role", "SELECT"),
        ("GRANT pg_read_all_data TO {login}", "the login was made a member of pg_read_all_data", "SELECT"),
        ("GRANT {login} TO mydatabase_owner", "mydatabase_owner was made a member of the login", "SELECT"),
        (
            "GRANT {set} TO mydatabase_owner",
            "mydatabase_owner was made a member of the set role",
            "REVOKE {set} FROM mydatabase_owner",
        ),
        ("GRANT {set} TO {login} WITH ADMIN OPTION", "the login may become its set role, or hand it on", "SELECT"),
        (
            "GRANT pg_read_all_data TO {set}",
            "its privileges were changed: extra: MEMBER on role pg_read_all_data",
            "SELECT",
        ),
        (
            "GRANT SELECT ON enterprise.customers TO {set}",
            "its privileges were changed: extra: SELECT on relation enterprise.customers",
            "REVOKE SELECT ON enterprise.customers FROM {set}",
        ),
        (
            "SET ROLE p0_broker; REVOKE SELECT ON enterprise.markets FROM {set}",
            "its privileges were changed: missing: SELECT on enterprise.markets",
            "SELECT",
        ),
    ],
)
async def test_what_cannot_be_put_right_ends_the_access(change: str, what: str, undo: str, managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    await act(managed, opened, change)
    (drift,) = await managed.cluster.drift()
    assert (drift.rh, drift.what, drift.mended) == (entry.rh, what, False)
    ended = await managed.end(entry)
    assert ended.set_dropped is ("REVOKE" not in undo)
    if not ended.set_dropped:  # what only others can revoke is in its way, and it gives nobody anything
        assert (await managed.cluster.sweep(NOW)).sets == ()
        await act(managed, opened, undo)
        assert (await managed.cluster.sweep(NOW)).sets == (opened.set_role,)


async def test_a_login_that_holds_something_itself_is_to_be_ended(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    for what in (
        "SELECT ON enterprise.customers",
        "UPDATE (name) ON enterprise.markets",
        "CREATE ON SCHEMA enterprise",
    ):
        await act(managed, opened, f"GRANT {what} TO {{login}}")
        (drift,) = await managed.cluster.drift()
        assert (drift.rh, drift.what, drift.mended) == (entry.rh, "the login was given privileges of its own", False)
        await act(managed, opened, f"REVOKE {what} FROM {{login}}")
        assert await managed.cluster.drift() == ()
    await managed.end(entry)


async def test_a_set_role_that_changed_concerns_everybody_who_has_it(managed: Managed) -> None:
    first, one = await managed.open(*MARKETS)
    second, _ = await managed.open(*MARKETS)
    third, _ = await managed.open(usage("enterprise"), column("enterprise", "markets", "id", "SELECT"))
    async with await managed.superuser() as superuser:
        shared = superuser.info.server_version >= SHARED_SETS
    await act(managed, one, "SET ROLE p0_broker; GRANT SELECT ON ledger.entries TO {set}")
    found = await managed.cluster.drift()
    assert {drift.rh for drift in found} == ({first.rh, second.rh} if shared else {first.rh})
    for entry in (first, second, third):
        await managed.end(entry)


async def test_what_is_ending_or_ended_is_not_looked_at(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    await managed.cluster.ledger.begin_end(entry.rh, "revoked", 0)
    await act(managed, opened, "ALTER ROLE {login} VALID UNTIL 'infinity'")
    assert await managed.cluster.drift() == ()
    await managed.end(entry)
    assert await managed.cluster.drift() == ()


async def test_what_one_login_gives_another_ends_the_givers_access(managed: Managed) -> None:
    """Or anybody with an access could have everybody else's ended: large objects are made by all."""
    temporary = Permission(Kind.DATABASE, None, managed.database, None, "TEMPORARY")
    eves, eve = await managed.open(*MARKETS, temporary, read_only=False)
    bobs, bob = await managed.open(usage("enterprise"), relation("enterprise", "customers", "SELECT"))
    async with await managed.login(eve) as user:
        shared = user.info.server_version >= SHARED_SETS
        for taker in (bob.login, bob.set_role):
            await user.execute("SELECT lo_create(4711)")
            await user.execute(sql.SQL("GRANT SELECT ON LARGE OBJECT 4711 TO {}").format(sql.Identifier(taker)))
            (drift,) = await managed.cluster.drift()
            what = f"the login gave privileges on what it owns to {taker}"
            assert (drift.rh, drift.what, drift.mended) == (eves.rh, what, False)
            entry, opened = await managed.open(usage("enterprise"), relation("enterprise", "customers", "SELECT"))
            assert (opened.set_role == bob.set_role) is shared
            await managed.end(entry)
            await user.execute("SELECT lo_unlink(4711)")
        assert await managed.cluster.drift() == ()
        await user.execute("CREATE TEMP TABLE mine ()")
        await user.execute("GRANT ALL ON mine TO p0_agent, p0_reader, p0_broker, p0_broker_07")
        await managed.cluster.start(THUMBPRINT, NOW)  # or such a grant would keep every agent from ending anything
        await user.execute(sql.SQL("CREATE POLICY mine ON mine TO {}").format(sql.Identifier(bob.set_role)))
        (drift,) = await managed.cluster.drift()
        assert (drift.rh, drift.mended) == (eves.rh, False)
    await managed.end(eves)
    assert await managed.cluster.drift() == ()
    await managed.end(bobs)
