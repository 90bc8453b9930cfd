"""How long a request waits and for whom, and two things at once: each has one outcome, as docs/rules.md has it."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from fix_agent_core import EMAILS, MARKETS, Bench
from fix_mandates import MANDATE_RULES, ORDERS, again, with_rules
from fix_people import Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result
from p0_access.messages.records import What
from p0_access.permissions.permission import canonical, column, connect, usage
from p0_agent.core.lapse import close_lapsed

EMAIL = column("enterprise", "customers", "email", "SELECT")
NAME = column("enterprise", "customers", "name", "SELECT")


@pytest.fixture(autouse=True)
def _rules(bench: Bench) -> None:
    with_rules(bench)


async def waiting(bench: Bench, by: Person, sql: str = EMAILS, **changes: Any) -> tuple[SignedAct, Result]:
    request, _ = bench.ask(by, sql, **changes)
    result = await bench.admit(request)
    assert result.outcome == "pending", result
    return request, result


async def test_others_may_approve_after_a_while_by_the_agents_clock(bench: Bench) -> None:
    dana, ann = bench.person("dana", "analysts"), bench.person("ann", "dba")
    request, admitted = await waiting(bench, dana)
    (told,) = admitted.progress
    assert (told.who, told.also, told.also_at) == ("privacy", "dba", bench.admission(admitted).record.iat + 900)
    bench.clock.now += 899
    assert (await bench.approve(request, admitted, again(bench, ann))).code == "not_an_approver"
    bench.clock.now += 1
    assert (await bench.approve(request, admitted, again(bench, ann))).outcome == "approved"


async def test_nobody_approves_what_has_lapsed(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, admitted = await waiting(bench, dana)
    other, others = await waiting(bench, dana)
    assert bench.admission(admitted).record.exp == int(bench.clock.now) + 3600
    bench.clock.now += 3600
    late = await bench.approve(request, admitted, again(bench, pat))
    assert (late.outcome, late.code, late.closed) == ("refused", "lapsed", True)
    await close_lapsed(bench.context)
    assert (await bench.admit(other)).outcome == "lapsed"
    assert (await bench.approve(other, others, again(bench, pat))).code == "already_lapsed"


async def test_what_was_approved_in_time_is_collected_later(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, admitted = await waiting(bench, dana)
    bench.clock.now += 3500
    assert (await bench.approve(request, admitted, again(bench, pat))).outcome == "approved"
    bench.clock.now += 200
    await close_lapsed(bench.context)
    assert (await bench.collect(request, admitted, again(bench, dana))).outcome == "active"
    await bench.end(request, again(bench, dana))


async def test_two_approvers_at_once_both_count(bench: Bench) -> None:
    dana, ann, bob = bench.person("dana", "analysts"), bench.person("ann", "dba"), bench.person("bob", "dba")
    cat = bench.person("cat", "dba")
    for approvers in ((ann, bob), (ann, bob, cat)):
        request, admitted = await waiting(bench, dana, ORDERS)
        results = await asyncio.gather(*(bench.approve(request, admitted, each) for each in approvers))
        outcomes = {(result.outcome, result.code) for result in results}
        assert ("approved", None) in outcomes
        assert outcomes <= {("approved", None), ("pending", None), ("refused", "already_approved")}
        assert (await bench.admit(request)).outcome == "approved"


async def test_a_denial_is_final_and_so_is_the_last_approval(bench: Bench) -> None:
    dana, pat, pia = bench.person("dana", "analysts"), bench.person("pat", "privacy"), bench.person("pia", "privacy")
    request, admitted = await waiting(bench, dana)
    denied = await bench.approve(request, admitted, pat, decision="deny", comment="not now")
    assert (denied.outcome, denied.message) == ("denied", "pat@corp.example denied it: not now")
    assert (await bench.approve(request, admitted, pia)).code == "already_denied"
    second, admitted = await waiting(bench, dana)
    assert (await bench.approve(second, admitted, pat)).outcome == "approved"
    assert (await bench.approve(second, admitted, pia, decision="deny", comment="no")).code == "already_approved"


async def test_a_denial_and_an_approval_at_once_leave_one_of_them(bench: Bench) -> None:
    dana, pat, pia = bench.person("dana", "analysts"), bench.person("pat", "privacy"), bench.person("pia", "privacy")
    request, admitted = await waiting(bench, dana)
    results = await asyncio.gather(
        bench.approve(request, admitted, pat),
        bench.approve(request, admitted, pia, decision="deny", comment="no"),
    )
    stands = (await bench.admit(request)).outcome
    assert stands in {"approved", "denied"}
    for result in results:
        assert result.outcome in {stands, "refused"}, results


async def test_cancelled_while_somebody_approves(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    for _ in range(3):
        request, admitted = await waiting(bench, dana)
        approved, cancelled = await asyncio.gather(
            bench.approve(request, admitted, pat), bench.end(request, dana, "cancel")
        )
        assert cancelled.outcome == "cancelled", cancelled
        assert approved.outcome in {"approved", "cancelled", "refused"}, approved
        assert (await bench.admit(request)).outcome == "cancelled"
        assert (await bench.collect(request, admitted, dana)).code == "already_cancelled"
    assert await bench.roles() == []


async def test_revoked_while_the_login_is_made(bench: Bench) -> None:
    dana = bench.person("dana", "analysts")
    for pause in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
        request, opening = bench.ask(dana, MARKETS)

        async def later(request: SignedAct = request, pause: float = pause) -> Result:
            await asyncio.sleep(pause)  # not for luck: each pause is another moment, and every moment must do
            return await bench.end(request, dana, "revoke")

        made, ended = await asyncio.gather(bench.admit(request), later())
        assert ended.outcome in {"ended", "cancelled"}, ended
        assert (await bench.admit(request)).outcome == ended.outcome
        assert await bench.roles() == []
        if made.outcome == "active":
            with pytest.raises(psycopg.OperationalError):
                await bench.connect(bench.open(made, opening))


async def test_who_may_end_any_access_ends_an_automatic_one_and_nobody_else_does(bench: Bench) -> None:
    with_rules(bench, MANDATE_RULES.replace("pending_for: 1h", "revoke: {groups: [security]}"))
    dana, sam, eve = bench.person("dana", "analysts"), bench.person("sam", "security"), bench.person("eve", "dba")
    request, _ = bench.ask(dana, MARKETS)
    assert (await bench.admit(request)).outcome == "active"
    assert (await bench.end(request, eve, "revoke")).code == "not_allowed"
    assert (await bench.end(request, sam, "revoke")).outcome == "ended"
    assert await bench.roles() == []


async def test_what_the_sql_needs_is_named_when_it_is_struck(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    request, admitted = await waiting(bench, dana, "select email, name from enterprise.customers")
    kept = [each for each in bench.admission(admitted).record.permissions if each != EMAIL]
    result = await bench.approve(request, admitted, pat, permissions=kept)
    assert (result.outcome, result.struck) == ("needs_changes", (str(EMAIL),))
    assert result.hint == "Leave enterprise.customers.email out of the SQL and ask again."
    assert (await bench.collect(request, admitted, dana)).code == "already_needs_changes"


async def test_permissions_by_name_are_given_without_what_was_struck(bench: Bench) -> None:
    dana, pat = bench.person("dana", "analysts"), bench.person("pat", "privacy")
    what = What(grant=canonical([connect(bench.managed.database), usage("enterprise"), EMAIL, NAME]))
    request, opening = bench.ask(dana, EMAILS, what=what)
    admitted = await bench.admit(request)
    kept = [each for each in bench.admission(admitted).record.permissions if each != EMAIL]
    result = await bench.approve(request, admitted, pat, permissions=kept)
    assert (result.outcome, result.struck) == ("approved", (str(EMAIL),)), result
    opened = bench.open(await bench.collect(request, admitted, dana), opening)
    async with await bench.connect(opened) as connection:
        await connection.execute("SELECT name FROM enterprise.customers")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT email FROM enterprise.customers")
    await bench.end(request, dana)
    nothing, admitted = await waiting(bench, dana, EMAILS, what=what)
    implied = [each for each in bench.admission(admitted).record.permissions if each.implied]
    assert (await bench.approve(nothing, admitted, pat, permissions=implied)).outcome == "needs_changes"


async def test_what_is_given_is_what_all_who_count_allow(bench: Bench) -> None:
    dana, ann, bob = bench.person("dana", "analysts"), bench.person("ann", "dba"), bench.person("bob", "dba")
    with_rules(bench, MANDATE_RULES.replace("[DELETE]", "[DELETE, SELECT]").replace("- name: reads", "- name: r0"))
    request, admitted = await waiting(bench, dana, ORDERS)
    await bench.approve(request, admitted, ann, ttl=900)
    assert (await bench.approve(request, admitted, bob, ttl=300)).outcome == "approved"
    result = await bench.collect(request, admitted, dana)
    assert result.not_after == int(bench.clock.now) + 300
    await bench.end(request, dana)
