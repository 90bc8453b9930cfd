"""Breaking the glass, and looking at it afterwards: what is said first, what is signed, and what is not."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot

from fix_tui import DANA, GROUPS, MARA, NOW, PERSON, World, running, screen_text, shows, until
from p0_access.messages.records import Request, What
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_tui.backend import Draft
from p0_tui.safe import safe, stacked
from p0_tui.screens.confirm_typed import ConfirmTypedScreen
from p0_tui.screens.work import WorkScreen
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput

PHONES = "select phone from enterprise.customers"
ENGINEERS = ("engineers",)


@pytest.fixture
def on_call() -> World:
    return World(groups=ENGINEERS)


async def drafted(pilot: Pilot[None], sql: str = PHONES, reason: str = "orders are stuck") -> None:
    pilot.app.screen.query_one(Editor).text = sql
    pilot.app.screen.query_one("#reason", SafeInput).value = reason
    await shows(pilot, "NEEDS APPROVAL")


def emergency(world: World, reason: str = "orders are stuck") -> RequestView:
    draft = Draft(database="mydatabase", sql=PHONES, reason=reason)
    return world.activate(world.ask(draft, MARA, ENGINEERS, break_glass=True).rid)


async def test_breaking_the_glass_says_what_it_causes_and_takes_a_word_and_a_sign_in(on_call: World) -> None:
    async with running(on_call) as pilot:
        await drafted(pilot)
        await pilot.press("ctrl+o", "!")
        await shows(
            pilot,
            "Break the glass on mydatabase: nobody is asked",
            "dba are told at once, by the agent itself, in your words:",
            "orders are stuck",
            "one of them has to look at it within 1d",
            "For 15m, by one login, any statement over:",
            "SELECT enterprise.customers",
            "Type mydatabase and Enter to sign",
        )
        await pilot.press("enter")
        await shows(pilot, "That is not it: nothing is signed.")
        assert on_call.submitted == []
        await pilot.press(*"mydatabase", "enter")
        await shows(pilot, "Sign in with your browser")
        on_call.signed_in.set()
        await until(pilot, lambda: on_call.submitted, "it is signed")
        (view,) = on_call.views.values()
        assert jws.unverified_record(view.request, Request).break_glass is True
        on_call.activate(view.rid)
        await shows(pilot, "● READY", "▲ emergency, to be looked at within 1d")


async def test_esc_breaks_no_glass(on_call: World) -> None:
    async with running(on_call) as pilot:
        await drafted(pilot)
        await pilot.press("ctrl+o", "!")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmTypedScreen), "the question")
        await pilot.press(*"mydatabase", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")
        assert on_call.submitted == []


async def test_a_long_question_is_read_by_page_while_the_word_is_typed(world: World) -> None:
    async with running(world) as pilot:
        question = stacked(safe(f"line {each}") for each in range(60))
        await pilot.app.push_screen(ConfirmTypedScreen(question, "mydatabase"))
        await until(pilot, lambda: "line 0" in screen_text(pilot), "the first line")
        assert "line 59" not in screen_text(pilot)
        await pilot.press(*["pagedown"] * 8)
        await until(pilot, lambda: "line 59" in screen_text(pilot), "the last line")
        await pilot.press(*["pageup"] * 8)
        await until(pilot, lambda: "line 0" in screen_text(pilot), "the first line again")


async def test_an_emergency_needs_a_reason_and_a_rule(world: World) -> None:
    async with running(world) as pilot:
        await drafted(pilot, reason="")
        await pilot.press("ctrl+o", "!")
        await shows(pilot, "Emergency: say why, then ^O ! again")
        await pilot.press(*"stuck", "ctrl+o", "!")
        await shows(pilot, "No break-glass rule covers this: it would be decided as ever. ^J submits it.")
        assert world.submitted == []


async def test_what_is_denied_stays_denied_in_an_emergency(on_call: World) -> None:
    async with running(on_call) as pilot:
        pilot.app.screen.query_one(Editor).text = "delete from ledger.entries"
        pilot.app.screen.query_one("#reason", SafeInput).value = "stuck"
        await shows(pilot, "✗ DENIED")
        await pilot.press("ctrl+o", "!")
        await shows(pilot, "The rules say no to this in an emergency, too: The ledger is written")
        assert on_call.submitted == []


async def test_an_open_review_is_in_the_inbox_and_closed_by_a_word_of_what_was_found(world: World) -> None:
    view = emergency(world)
    async with running(world) as pilot:
        await shows(pilot, "3 Inbox 1●")
        await pilot.press("ctrl+o", "3")
        await shows(
            pilot,
            "● emergency",
            "✓ verified A looked at it, X end it, if you may: each asks before it signs",
            "! an emergency: dba are told",
            "! emergency, to be looked at within 1d",
            "reason orders are stuck",
        )
        await pilot.press("n")
        await shows(pilot, "It was given already: A says that you looked at it, X ends it, if you may.")
        await pilot.press("A")
        await shows(pilot, f"You have looked at this emergency of mara@corp.example, {view.rid}:")
        await pilot.press("enter")
        await shows(pilot, "A review says what was found.")
        assert world.looked_at == []
        await pilot.press(*"justified", "enter")
        await shows(pilot, f"You looked at {view.rid}: its review is closed.", "Nothing waits for you.")
        ((rid, comment, ah),) = world.looked_at
        assert (rid, comment) == (view.rid, "justified")
        admission = world.views[rid].admission
        assert admission is not None
        assert ah == jws.record_hash(admission)


async def test_an_emergency_is_ended_from_the_inbox_after_a_question(world: World) -> None:
    view = emergency(world)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3")
        await shows(pilot, "✓ verified")
        await pilot.press("X")
        await shows(pilot, f"You end {view.rid} on mydatabase, of mara@corp.example", "Its sessions end at once.")
        await pilot.press("escape", "X", "enter")
        await shows(pilot, f"{view.rid} is revoked.")
        assert world.revoked == [(view.rid, jws.record_hash(view.request), "")]
        assert world.looked_at == []


async def test_what_is_ended_is_told_as_it_was_signed_not_as_it_is_listed(world: World) -> None:
    view = emergency(world)
    world.views[view.rid] = msgspec.structs.replace(
        world.views[view.rid], requestor=DANA, database="elsewhere", summary="select 1", reason="tidying up"
    )
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "4")
        await shows(pilot, "elsewhere", "dana@corp.example")
        await pilot.press("X")
        await shows(pilot, f"You end {view.rid} on mydatabase, of mara@corp.example", "enterprise.customers")
        question = str(pilot.app.screen.query(Prose).first().content)
        assert not [word for word in ("elsewhere", "dana", "tidying") if word in question]


async def test_what_does_not_verify_is_not_ended(world: World) -> None:
    view = emergency(world)
    request = jws.unverified_record(view.request, Request)
    swapped = jws.sign(msgspec.structs.replace(request, what=What(statement=("select 1",))), PERSON)
    world.views[view.rid] = msgspec.structs.replace(world.views[view.rid], request=swapped)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "4")
        await shows(pilot, "mara@corp.example")
        await pilot.press("X")
        await shows(pilot, "the server shows another request than the agent admitted")
        await pilot.press("enter")
        assert world.revoked == []


async def test_an_overdue_review_says_so(world: World) -> None:
    view = emergency(world)
    world.views[view.rid] = msgspec.structs.replace(world.views[view.rid], review_due=NOW - 3600)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3")
        await shows(pilot, "✗ OVERDUE", "! emergency, review OVERDUE by 1h")


async def test_an_emergency_that_does_not_verify_cannot_be_said_to_have_been_looked_at(world: World) -> None:
    view = emergency(world)
    request = jws.unverified_record(view.request, Request)
    swapped = jws.sign(msgspec.structs.replace(request, what=What(statement=("select 1",))), PERSON)
    world.views[view.rid] = msgspec.structs.replace(world.views[view.rid], request=swapped)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3")
        await shows(pilot, "✗ NOT VERIFIED")
        await pilot.press("A")
        await shows(pilot, "There is nothing verified here to decide.")
        assert world.looked_at == []


async def test_what_others_wrote_is_shown_literally_and_visibly(world: World, on_call: World) -> None:
    hostile = "[@click=app.approve]read me[/] \x1b]0;owned\x07 \u202egnp.exe ze\u200bro"
    shown = "[@click=app.approve]read me[/] ⟨U+001B⟩]0;owned⟨U+0007⟩ ⟨U+202E⟩gnp.exe ze⟨U+200B⟩ro"
    view = emergency(world, hostile)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3")
        await shows(pilot, "✓ verified", f"reason {shown}")
        await pilot.press("A")
        await shows(pilot, f"reason given: {shown}")
        await pilot.press("escape", "X")
        await shows(pilot, f"You end {view.rid}")
        assert "\x1b" not in screen_text(pilot)
    async with running(on_call) as pilot:
        await drafted(pilot, reason=hostile)
        await pilot.press("ctrl+o", "!")
        await shows(pilot, "in your words:", shown)


async def test_emergencies_are_left_out_of_what_is_decided_together(world: World) -> None:
    first = emergency(world)
    second = world.ask(Draft(database="mydatabase", sql=PHONES, reason="a report"), MARA, GROUPS)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3")
        await shows(pilot, "✓ verified")
        await pilot.press("space", "space", "A")
        await shows(pilot, f"left out: {first.rid}: an emergency: look at it by itself")
        await pilot.press("enter")
        await until(pilot, lambda: world.decided, "the other is decided")
        assert [rid for rid, *_ in world.decided] == [second.rid]
        assert world.views[first.rid].state is State.ACTIVE
