"""Mode 3 beyond yes and no: approving less, several at a time, what writes, and what helps to judge."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot

from fix_tui import CATALOG, GROUPS, MARA, World, running, shows, until
from p0_access.messages.views import RequestView
from p0_access.permissions.catalog import Function
from p0_access.permissions.permission import column, connect, usage
from p0_tui.backend import Draft
from p0_tui.narrowing import Narrowed, without
from p0_tui.widgets.decision_box import DecisionBox

EMAILS = "select name, email from enterprise.customers"
PHONES = "select phone from enterprise.customers"
ENGINEERS = ("analysts", "engineers")


def asked(world: World, sql: str = EMAILS, groups: tuple[str, ...] = GROUPS) -> RequestView:
    return world.ask(Draft(database="mydatabase", sql=sql, reason="INC-4411"), MARA, groups)


async def open_inbox(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✓ verified")


async def test_striking_and_shortening_are_shown_restated_and_signed(world: World) -> None:
    asked(world)
    async with running(world, (120, 50)) as pilot:
        await open_inbox(pilot)
        await pilot.press("n")
        await shows(pilot, "Approve less", "✓ SELECT (email) on enterprise.customers ▲pii")
        await pilot.press("space")
        await shows(pilot, "✗ struck SELECT (email) on enterprise.customers", "the request ends as “needs changes”")
        await pilot.press("tab", "down", "enter")
        await shows(
            pilot, "less than was asked for:", "✗ SELECT (email) on enterprise.customers", "for 15m instead of 30m"
        )
        await pilot.press("A")
        await shows(pilot, "on mydatabase, by one login, for 15m: SELECT (name) on enterprise.customers")
        await pilot.press("enter")
        await until(pilot, lambda: world.decided, "decided")
    left = (
        column("enterprise", "customers", "name", "SELECT"),
        connect("mydatabase"),
        usage("enterprise"),
    )
    assert world.narrowed == [Narrowed(permissions=left, ttl=900)]


async def test_striking_everything_or_giving_more_time_is_not_taken(world: World) -> None:
    asked(world, PHONES)
    async with running(world) as pilot:
        await open_inbox(pilot)
        await pilot.press("n", "space", "enter")
        await shows(pilot, "Nothing would be left: deny it instead")
        await pilot.press("space", "tab", "up", "enter")
        await shows(pilot, "At most 30m can be given.")
        await pilot.press("escape", "A", "enter")
        await until(pilot, lambda: world.decided, "decided")
    assert world.narrowed == [None]


def test_what_is_struck_takes_the_use_of_its_schema_along() -> None:
    kept = column("enterprise", "markets", "id", "SELECT")
    struck = column("ledger", "entries", "id", "SELECT")
    both = (connect("d"), usage("enterprise"), usage("ledger"), kept, struck)
    assert set(without(both, frozenset({struck}))) == {connect("d"), usage("enterprise"), kept}
    assert without(both, frozenset({kept, struck})) == ()


async def test_several_at_a_time_are_signed_one_by_one_with_one_comment(world: World) -> None:
    first, second = asked(world), asked(world, PHONES)
    writing = asked(world, "update enterprise.orders set status = 'x' where id = 1", ENGINEERS)
    async with running(world, (120, 50)) as pilot:
        await open_inbox(pilot)
        await pilot.press("space", "space", "space")
        await shows(pilot, "■ ● pending")
        await pilot.press("A")
        await shows(
            pilot,
            "Approve 2 requests, each signed by itself, with one comment:",
            f"left out: {writing.rid}: it writes: decide it by itself",
        )
        assert world.decided == []
        await pilot.press(*"seen", "enter")
        await shows(pilot, f"You approved {first.rid}", f"You approved {second.rid}")
        await until(pilot, lambda: not pilot.app.screen.query_one(DecisionBox).is_open, "closed")
    assert {item[:3] for item in world.decided} == {(first.rid, "approve", "seen"), (second.rid, "approve", "seen")}
    assert len({item[3] for item in world.decided}) == 2


async def test_what_was_narrowed_is_restated_and_signed_among_several_too(world: World) -> None:
    first, second = asked(world), asked(world, PHONES)
    async with running(world, (120, 50)) as pilot:
        await open_inbox(pilot)
        await pilot.press("space", "space")
        await shows(pilot, "SELECT (email) on enterprise.customers")
        await pilot.press("n", "tab", "down", "enter")
        await shows(pilot, "for 15m instead of 30m")
        await pilot.press("A")
        await shows(pilot, "Approve 2 requests", "for 15m: SELECT (email, name)", "for 30m: SELECT (phone)")
        await pilot.press("enter")
        await until(pilot, lambda: len(world.decided) == 2, "decided")
    signed = dict(zip((item[0] for item in world.decided), world.narrowed, strict=True))
    assert signed[second.rid] is None
    left = signed[first.rid]
    assert left is not None
    assert left.ttl == 900


async def test_one_that_changed_meanwhile_is_not_signed_with_the_others(world: World) -> None:
    first, second = asked(world), asked(world, PHONES)
    async with running(world, (120, 50)) as pilot:
        await open_inbox(pilot)
        await pilot.press("space", "space", "X")
        await shows(pilot, "Deny, so not 2 requests")
        admission = world.admit(second.rid, MARA, GROUPS, ttl=600).admission
        world.views[second.rid] = msgspec.structs.replace(world.views[second.rid], admission=admission)
        await pilot.press(*"no", "enter")
        await shows(pilot, f"You denied {first.rid}", f"{second.rid}: changed, review again. Nothing was signed.")
    assert [item[0] for item in world.decided] == [first.rid]


@pytest.mark.parametrize(("typed", "signed"), [("mydatabase", 1), ("y", 0)])
async def test_what_writes_is_confirmed_by_typing_the_database(world: World, typed: str, signed: int) -> None:
    asked(world, "update enterprise.orders set status = 'x' where id = 1", ENGINEERS)
    async with running(world) as pilot:
        await open_inbox(pilot)
        await shows(pilot, "! writes (UPDATE)")
        await pilot.press("A", "enter")
        await shows(pilot, "This writes: UPDATE", "Type mydatabase and Enter to sign")
        assert world.decided == []
        await pilot.press(*typed, "enter")
        if signed:
            await shows(pilot, "You approved")
        else:
            await shows(pilot, "That is not it: nothing is signed.")
            await pilot.press("escape")
            await pilot.pause()
    assert len(world.decided) == signed


async def test_what_they_hold_what_was_asked_before_and_what_anybody_may_call(world: World) -> None:
    unsafe = Function(schema="enterprise", name="pay", arguments="", returns="void", security_definer=True)
    world.catalog_now = msgspec.structs.replace(CATALOG, version="v42", functions=(unsafe,))
    held = asked(world, "select name from enterprise.customers")
    world.activate(held.rid)
    denied = asked(world)
    world.move(denied.rid, denied.state, "denied", who=MARA)
    asked(world)
    async with running(world, (120, 60)) as pilot:
        await open_inbox(pilot)
        await shows(
            pilot,
            "change against what they hold now, as the server tells",
            "+ SELECT (email) on enterprise.customers",
            "= SELECT (name) on enterprise.customers",
            "any login may call here, with the owner's rights",
            "enterprise.pay()",
            "asked for before, as the server tells",
            f"{denied.rid} pending mara@corp.example the same SQL",
            f"{held.rid} active mara@corp.example select name from enterprise.customers",
        )
