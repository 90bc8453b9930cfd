"""Mode 3: an approver sees what is really signed, and nothing else gets signed."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from fix_tui import AGENT, DANA, GROUPS, MARA, NOW, PERSON, World, running, screen_text, shows, until
from p0_access.messages.records import Admission, Request, What
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_tui.backend import Draft
from p0_tui.widgets.decision_box import DecisionBox
from p0_tui.widgets.safe_input import SafeInput

EMAILS = "select name, email from enterprise.customers"


def asked(world: World, sql: str = EMAILS, reason: str = "INC-4411 refund mismatch") -> RequestView:
    return world.ask(Draft(database="mydatabase", sql=sql, reason=reason), MARA, GROUPS)


def box_is_open(pilot: Pilot[None]) -> bool:
    return pilot.app.screen.query_one(DecisionBox).is_open


async def open_inbox(pilot: Pilot[None], *expected: str) -> None:
    await pilot.press("ctrl+o", "3")
    await shows(pilot, *expected)


async def test_the_review_shows_everything_that_is_signed(world: World) -> None:
    view = asked(world)
    async with running(world, (120, 50)) as pilot:
        await open_inbox(
            pilot,
            "✓ verified",
            "▲ NEEDS APPROVAL 1 of privacy",
            "! pii: customers.email",
            "who mara@corp.example",
            "groups analysts",
            "reason INC-4411 refund mismatch",
            "for 30m",
            "approvals privacy 0/1",
            f"signs {world.review(view).ah}",
            "1 select name, email from enterprise.customers",
            "▲ email pii 1 of privacy",
            "✓ name auto",
            "rule trace",
            "customers-pii: matches: enterprise.customers.email is pii",
        )


async def test_approving_takes_a_key_a_look_and_enter(world: World) -> None:
    view = asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified")
        await pilot.press("A")
        await shows(
            pilot,
            "Approve: mara@corp.example may run any statement over these on mydatabase, by one login, for 30m: "
            "SELECT (email, name) on enterprise.customers",
        )
        assert world.decided == []
        await pilot.press(*"checked", "enter")
        await shows(pilot, f"You approved {view.rid}; it is approved.", "Nothing waits for you.")
        assert world.decided == [(view.rid, "approve", "checked", world.review(view).ah)]


@pytest.mark.parametrize("key", ["a", "x", "y", "enter", "space", "f2", "ctrl+j"])
async def test_no_other_key_decides(world: World, key: str) -> None:
    asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified")
        await pilot.press(key, key, key)
        await pilot.click("#inbox-list", offset=(5, 0))
        await pilot.click("#review", offset=(5, 2))
        assert not box_is_open(pilot)
        assert world.decided == []


async def test_escape_decides_nothing(world: World) -> None:
    asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified")
        await pilot.press("A", *"yes", "escape", "enter", "enter")
        await pilot.pause()
        assert not box_is_open(pilot)
        assert world.decided == []


async def test_a_denial_needs_a_comment(world: World) -> None:
    view = asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified")
        await pilot.press("X", "enter")
        await shows(pilot, "Deny, so not: mara@corp.example", "A denial needs a comment")
        assert world.decided == []
        await pilot.press(*"names only", "enter")
        await shows(pilot, f"You denied {view.rid}; it is denied.")
        assert [item[:3] for item in world.decided] == [(view.rid, "deny", "names only")]


async def test_own_requests_are_not_mine_to_decide(world: World) -> None:
    view = world.ask(Draft(database="mydatabase", sql=EMAILS, reason="mine"), DANA, GROUPS)
    world.views[view.rid] = msgspec.structs.replace(view, reviewable=True)  # a server that lists it all the same
    async with running(world) as pilot:
        await open_inbox(pilot, "✗ You asked for this yourself: somebody else has to approve it.")
        await pilot.press("A")
        await pilot.pause()
        assert not box_is_open(pilot)


async def test_an_agent_that_admits_anew_closes_the_box(world: World) -> None:
    view = asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified", "for 30m")
        await pilot.press("A", *"ok")
        assert box_is_open(pilot)
        world.admit(view.rid, MARA, GROUPS, ttl=600)
        await shows(pilot, "Changed, review again", "for 10m")
        await pilot.press("enter")
        await pilot.pause()
        assert not box_is_open(pilot)
        assert world.decided == []


async def test_a_change_that_no_event_told_of_is_found_before_signing(world: World) -> None:
    view = asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified", "for 30m")
        await pilot.press("A", *"ok")
        admission = jws.unverified_record(world.views[view.rid].admission or "", Admission)
        decision = msgspec.structs.replace(admission.rules.decision, ttl=3600)
        rules = msgspec.structs.replace(admission.rules, decision=decision)
        swapped = jws.sign(msgspec.structs.replace(admission, rules=rules), AGENT)
        world.views[view.rid] = msgspec.structs.replace(world.views[view.rid], admission=swapped)
        await pilot.press("enter")
        await shows(pilot, f"{view.rid}: changed, review again. Nothing was signed.", "for 1h")
        assert world.decided == []


def other_sql(view: RequestView) -> RequestView:
    """The server shows a harmless text under the admission of another."""
    request = jws.unverified_record(view.request, Request)
    shown = msgspec.structs.replace(request, what=What(statement=("select 1",)))
    return msgspec.structs.replace(view, request=jws.sign(shown, PERSON))


def other_key(view: RequestView) -> RequestView:
    admission = jws.unverified_record(view.admission or "", Admission)
    return msgspec.structs.replace(view, admission=jws.sign(admission, PERSON))


def unpinned(view: RequestView) -> RequestView:
    agent = msgspec.structs.replace(view.agent, thumbprint=PERSON.public.thumbprint, jwk=PERSON.public)
    return msgspec.structs.replace(other_key(view), agent=agent)


def garbled(view: RequestView) -> RequestView:
    return msgspec.structs.replace(view, admission="not a record")


@pytest.mark.parametrize("lie", [other_sql, other_key, unpinned, garbled])
async def test_what_does_not_verify_is_red_and_cannot_be_decided(world: World, lie) -> None:  # type: ignore[no-untyped-def]  # one of the four above
    view = asked(world)
    world.views[view.rid] = lie(world.views[view.rid])
    async with running(world) as pilot:
        await open_inbox(pilot, "✗ NOT VERIFIED: do not approve")
        for key in "AX":
            await pilot.press(key)
            await shows(pilot, "There is nothing verified here to decide.")
            assert not box_is_open(pilot)
        assert "✓ verified" not in screen_text(pilot)


async def test_what_has_lapsed_is_no_alarm(world: World) -> None:
    view = asked(world)
    admission = jws.unverified_record(view.admission or "", Admission)
    late = msgspec.structs.replace(admission, exp=NOW)
    world.views[view.rid] = msgspec.structs.replace(view, admission=jws.sign(late, AGENT))
    async with running(world) as pilot:
        await open_inbox(pilot, f"{view.rid} has lapsed")
        assert "NOT VERIFIED" not in screen_text(pilot)


async def test_requests_arrive_by_themselves_and_are_counted_until_they_are_read(world: World) -> None:
    async with running(world) as pilot:
        await shows(pilot, "3 Inbox")
        asked(world)
        await shows(pilot, "3 Inbox 1●", "To review: mara@corp.example on mydatabase")
        view = asked(world, "select phone from enterprise.customers")
        await shows(pilot, "3 Inbox 2●")
        await open_inbox(pilot, "✓ verified", "3 Inbox 2 1●")
        await pilot.press("j")
        await until(pilot, lambda: "3 Inbox 2 " in screen_text(pilot) and "1●" not in screen_text(pilot), "all read")
        world.move(view.rid, State.CANCELLED, "cancelled")
        await until(pilot, lambda: "3 Inbox 1 " in screen_text(pilot), "one left")


async def test_moving_on_closes_what_was_about_to_be_signed(world: World) -> None:
    asked(world)
    asked(world, "select phone from enterprise.customers")
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified", "▲ phone pii")
        await pilot.press("A")
        assert box_is_open(pilot)
        await pilot.click("#inbox-list", offset=(5, 1))
        await shows(pilot, "▲ email pii")
        assert not box_is_open(pilot)


async def test_a_refused_decision_is_said(world: World) -> None:
    view = asked(world)
    async with running(world) as pilot:
        await open_inbox(pilot, "✓ verified")
        await pilot.press("A")
        reachable = world._reachable

        def unreachable() -> None:
            if len(world.decided) == 0 and box_closed():
                raise_offline()
            reachable()

        def box_closed() -> bool:
            return not box_is_open(pilot)

        def raise_offline() -> None:
            from p0_launcher.errors import UnavailableError

            raise UnavailableError("the server does not answer", code="server_unavailable")

        world._reachable = unreachable  # type: ignore[method-assign]
        await pilot.press(*"fine", "enter")
        await shows(pilot, f"{view.rid}: nothing was signed: the server does not answer", "✓ verified")
        assert world.decided == []
        await until(pilot, lambda: world.views[view.rid].state is State.PENDING, "still pending")
        world._reachable = reachable  # type: ignore[method-assign]
        await pilot.press("A")
        await until(pilot, lambda: box_is_open(pilot), "the box")
        assert pilot.app.screen.query_one("#decision-comment", SafeInput).value == "fine"
        await pilot.press("enter")
        await until(pilot, lambda: world.decided, "decided")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_toast_never_covers_what_is_being_decided(world: World, size: tuple[int, int]) -> None:
    asked(world)
    async with running(world, size) as pilot:
        await open_inbox(pilot, "✓ verified")
        await pilot.press("A")
        await until(pilot, lambda: box_is_open(pilot), "the box")
        pilot.app.notify("Somebody else asks for something, at some length, over several lines", markup=False)
        await until(pilot, lambda: [toast for toast in pilot.app.screen.query(Toast) if toast.region], "its place")
        toast, box = pilot.app.screen.query_one(Toast).region, pilot.app.screen.query_one(DecisionBox).region
        assert not toast.overlaps(box), (toast, box)
