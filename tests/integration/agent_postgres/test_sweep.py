"""Reconciliation: whatever happened, what should not be is ended, and nothing else is touched."""

from __future__ import annotations

import asyncio

import msgspec
import psycopg
import pytest
from psycopg import sql

from fix_postgres import BOTH_MODES, LATER, NOW, Managed
from p0_access.permissions.permission import relation, usage
from p0_agent.postgres import connections

pytestmark = BOTH_MODES
MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))


async def test_what_is_past_its_end_is_ended_and_the_rest_is_not(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    before = await managed.cluster.sweep(LATER - 1)
    assert (before.ended, before.orphans, before.sets, before.failed) == ((), (), (), {})
    async with await managed.login(opened) as connection:
        await connection.execute("SELECT FROM enterprise.markets")
    swept = await managed.cluster.sweep(LATER)
    (done,) = swept.ended
    assert (done.entry.rh, done.entry.stage, done.entry.cause) == (entry.rh, "ending", "expired")
    assert (done.ended.login, done.ended.residue, done.ended.set_dropped) == (opened.login, (), True)


async def test_an_end_that_was_begun_keeps_its_cause_until_the_receipt(managed: Managed) -> None:
    entry, _ = await managed.open(*MARKETS)
    await managed.cluster.ledger.begin_end(entry.rh, "relinquished", NOW)
    for _ in range(2):  # as after a crash between the end and its receipt
        swept = await managed.cluster.sweep(NOW)
        assert [(done.entry.cause, done.ended.residue) for done in swept.ended] == [("relinquished", ())]
    await managed.cluster.ledger.end(entry.rh, "receipt", NOW)
    assert (await managed.cluster.sweep(NOW)).ended == ()


async def test_a_login_that_the_ledger_does_not_know_is_an_orphan(managed: Managed) -> None:
    """As after the ledger was restored from a backup that is older."""
    _, opened = await managed.open(*MARKETS)
    async with await managed.superuser() as connection:
        await connection.execute("DELETE FROM p0.request")
    async with await managed.login(opened):
        swept = await managed.cluster.sweep(NOW)
    assert [(ended.login, ended.residue, ended.set_dropped) for ended in swept.orphans] == [(opened.login, (), True)]


async def test_an_access_whose_login_somebody_dropped_is_ended(managed: Managed) -> None:
    entry, opened = await managed.open(*MARKETS)
    async with await managed.superuser() as connection:
        await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(opened.login)))
    swept = await managed.cluster.sweep(NOW)
    assert [(done.entry.rh, done.entry.cause, done.ended.residue) for done in swept.ended] == [(entry.rh, "failed", ())]


async def test_roles_of_others_are_left_alone(managed: Managed) -> None:
    """They look like ours, but the agent did not make them."""
    names = ("p0_eve_aaaaaaaaaaaaaaaa", "p0_set_" + "b" * 32)
    async with await managed.superuser() as connection:
        for name in names:
            await connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        try:
            swept = await managed.cluster.sweep(LATER)
            assert (swept.orphans, swept.sets, swept.failed) == ((), (), {})
            cursor = await connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", (list(names),))
            assert await cursor.fetchone() == (2,)
        finally:
            for name in names:
                await connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


async def test_many_at_once(managed: Managed) -> None:
    opened = [await managed.open(*MARKETS) for _ in range(20)]
    swept = await managed.cluster.sweep(LATER)
    assert {done.entry.rh for done in swept.ended} == {entry.rh for entry, _ in opened}
    assert not swept.failed
    assert await managed.roles() == []


async def test_what_is_due_does_not_wait_for_what_is_still_undone(managed: Managed) -> None:
    """One is undone as soon as it gets a lock; the session of another that has come to its end waits for nothing."""
    first, _ = await managed.open(*MARKETS)
    entry = await managed.approved()
    order = msgspec.structs.replace(managed.order(entry, *MARKETS), not_after=LATER - 100)
    opened = await managed.cluster.open(order, NOW)
    await managed.cluster.ledger.begin_end(first.rh, "revoked", NOW)
    async with await managed.login(opened) as user, await managed.superuser() as superuser:
        async with superuser.transaction():
            await superuser.execute("LOCK TABLE p0.writer")
            undoing = asyncio.create_task(managed.cluster.sweep(NOW))
            asleep = asyncio.create_task(user.execute("SELECT pg_sleep(60)"))
            await managed.cluster.shut_due(LATER - 100)
            with pytest.raises(psycopg.errors.AdminShutdown):
                await asleep
            assert not undoing.done()
        assert first.rh in {done.entry.rh for done in (await undoing).ended}
    with pytest.raises(psycopg.OperationalError):
        await managed.login(opened)
    await managed.cluster.sweep(LATER - 100)
    found = await managed.cluster.ledger.get(entry.rh)
    assert found is not None
    assert found.cause == "expired"
    assert await managed.roles() == []


async def test_an_end_that_is_held_up_holds_up_no_other(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a grant to its login that is not committed. Where another login made it, as whoever owns a large object can,
    the end is not held up."""
    monkeypatch.setattr(connections, "LIMITS", connections.LIMITS.replace("lock_timeout=2s", "lock_timeout=100ms"))
    await managed.cluster.connections.close()
    entry, opened = await managed.open(*MARKETS)
    other, _ = await managed.open(*MARKETS)
    eves, eve = await managed.open(usage("enterprise"), read_only=False)
    give = "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO {}"
    hold = sql.SQL(give).format(sql.Identifier(opened.login))
    for each in (entry, other):
        await managed.cluster.ledger.begin_end(each.rh, "revoked", NOW)
    async with await managed.superuser() as superuser, superuser.transaction(force_rollback=True):
        await superuser.execute(hold)
        swept = await managed.cluster.sweep(NOW)
        assert [done.entry.rh for done in swept.ended] == [other.rh]
        assert [error.code for error in swept.failed.values()] == ["database_busy"]
    user = await managed.login(eve)
    await user.execute("BEGIN")
    await user.execute(hold)
    await managed.end(entry)
    with pytest.raises(psycopg.OperationalError):
        await user.execute("SELECT")
    await managed.end(eves)
