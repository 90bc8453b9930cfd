"""The ledger: one row a request, one winner of every race, and no way back."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from psycopg import errors as sqlstate

from fix_postgres import NOW, Managed
from p0_access.permissions.permission import relation, usage
from p0_agent.postgres.entries import Closed, Entry
from p0_agent.postgres.errors import LedgerError
from p0_agent.postgres.ledger import Approved, Ledger

MARKETS = (usage("enterprise"), relation("enterprise", "markets", "SELECT"))


@pytest.fixture
def ledger(managed: Managed) -> Ledger:
    return managed.cluster.ledger


async def claim(ledger: Ledger, rh: str, rid: str) -> str:
    entry = await ledger.claim(rh=rh, rid=rid, database="d", request=f"request {rh}", now=NOW)
    return entry.rh


def approval(number: int, decision: Literal["approve", "deny"] = "approve") -> Approved:
    return Approved(h=f"h{number}", decision=decision, record=f"jws {number}", verified="{}", at=NOW)


async def test_the_same_request_resumes_where_it_was(ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    await ledger.admit("a", "admission", "admitted", NOW + 1)
    again = await ledger.claim(rh="a", rid="rid-a", database="d", request="request a", now=NOW + 2)
    assert (again.stage, again.admission, again.claimed_at, again.updated_at) == ("admitted", "admission", NOW, NOW + 1)


async def test_a_rid_stands_for_one_request(ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    with pytest.raises(LedgerError) as caught:
        await claim(ledger, "b", "rid-a")
    assert caught.value.code == "rid_taken"
    assert await ledger.get("b") is None


async def test_of_claims_that_race_for_a_rid_one_wins(ledger: Ledger) -> None:
    results = await asyncio.gather(*(claim(ledger, f"h{n}", "rid") for n in range(8)), return_exceptions=True)
    winners = [result for result in results if isinstance(result, str)]
    assert len(winners) == 1
    assert all(isinstance(result, LedgerError) for result in results if result not in winners)


async def test_of_verdicts_that_race_one_wins(ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    results = await asyncio.gather(
        *(ledger.admit("a", f"admission {number}", "admitted", NOW) for number in range(4)), return_exceptions=True
    )
    (winner,) = [result for result in results if not isinstance(result, BaseException)]
    assert await ledger.get("a") == winner
    assert {type(result) for result in results} == {Entry, LedgerError}


@pytest.mark.parametrize("closed", ["refused", "denied", "cancelled", "lapsed", "needs_changes"])
async def test_what_is_closed_stays_closed(closed: Closed, ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    await ledger.admit("a", "admission", "admitted", NOW)
    await ledger.close("a", closed, NOW)
    for step in (
        ledger.approve("a", NOW),
        ledger.admit("a", "again", "approved", NOW),
        ledger.add_approval("a", approval(1)),
        ledger.seal("a", "credential", NOW, attempt=1),
        ledger.begin_end("a", "revoked", NOW),
    ):
        with pytest.raises(LedgerError) as caught:
            await step
        assert caught.value.code == f"already_{closed}"


async def test_unknown_requests(ledger: Ledger) -> None:
    assert await ledger.get("nothing") is None
    with pytest.raises(LedgerError) as caught:
        await ledger.approve("nothing", NOW)
    assert caught.value.code == "ledger_unknown"


async def test_approvals_add_up_in_order_and_once_each(ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    await ledger.admit("a", "admission", "admitted", NOW)
    await ledger.add_approval("a", approval(1))
    await ledger.add_approval("a", approval(2))
    assert await ledger.add_approval("a", approval(1)) == (approval(1), approval(2))
    assert await ledger.approvals("a") == (approval(1), approval(2))


async def test_a_denial_is_final(ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    await ledger.admit("a", "admission", "admitted", NOW)
    await ledger.add_approval("a", approval(1, "deny"))
    entry = await ledger.get("a")
    assert entry is not None
    assert entry.stage == "denied"
    assert await ledger.add_approval("a", approval(1, "deny")) == (approval(1, "deny"),)
    with pytest.raises(LedgerError):
        await ledger.add_approval("a", approval(2))


async def test_approvals_are_append_only(managed: Managed, ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    await ledger.admit("a", "admission", "admitted", NOW)
    await ledger.add_approval("a", approval(1))
    for statement in ("UPDATE p0.approval SET decision = 'deny'", "DELETE FROM p0.approval", "TRUNCATE p0.approval"):
        async with await managed.superuser() as connection:
            with pytest.raises(sqlstate.RestrictViolation):
                await connection.execute(statement.encode())


async def test_from_opening_to_the_receipt(managed: Managed, ledger: Ledger) -> None:
    entry, opened = await managed.open(*MARKETS)
    assert [found.rh for found in await ledger.live()] == [entry.rh]
    sealed = await ledger.seal(entry.rh, "credential", NOW, attempt=opened.attempt)
    assert (sealed.stage, sealed.credential, sealed.login) == ("sealed", "credential", opened.login)
    assert await ledger.due(opened.not_after - 1) == ()
    assert [found.rh for found in await ledger.due(opened.not_after)] == [entry.rh]
    begun = await ledger.begin_end(entry.rh, "revoked", NOW)
    assert (await ledger.begin_end(entry.rh, "expired", NOW)).cause == begun.cause == "revoked"
    await managed.cluster.end(begun)
    ended = await ledger.end(entry.rh, "receipt", NOW)
    assert (ended.stage, ended.deletion, ended.credential) == ("ended", "receipt", None)
    assert await ledger.live() == ()


async def test_starting_again_changes_nothing(managed: Managed, ledger: Ledger) -> None:
    await claim(ledger, "a", "rid-a")
    first, second = await asyncio.gather(ledger.start(NOW + 5), ledger.start(NOW + 6))
    assert first == second == NOW
    assert await ledger.get("a") is not None


async def test_a_ledger_from_the_future_is_refused(managed: Managed, ledger: Ledger) -> None:
    async with await managed.superuser() as connection:
        await connection.execute("INSERT INTO p0.migration VALUES (9999, 0)")
    with pytest.raises(LedgerError) as caught:
        await ledger.start(NOW)
    assert caught.value.code == "ledger_too_new"
