"""How the screens and states look. `pytest --snapshot-update` renews the pictures; look at them before you commit.

The pictures are compared by syrupy alone: the plugin's HTML report would hold the whole environment, so its own fixture
is not used and no report is made.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterator

import msgspec
import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped]  # it ships no types
from syrupy.assertion import SnapshotAssertion
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from fix_tui import AGENT, DANA, GROUPS, ISS, MARA, NOW, PERSON, World, fill, running, shows, strips, until
from p0_access.messages.mandates import Named
from p0_access.messages.records import Deletion, DroppedSet, Request, What
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_launcher.errors import DeniedError
from p0_launcher.mandates import Delegating
from p0_tui.app import P0App
from p0_tui.backend import Draft
from p0_tui.screens.choose_database import ChooseDatabaseScreen
from p0_tui.themes import LIGHT
from p0_tui.widgets.editor import Editor

SETTLED = 0.15
"""Seconds without a change after which nothing more comes: longer than the wait before the server is asked."""

Scenario = Callable[[World, Pilot[None]], Awaitable[None]]

MARKETS = "-- What the monthly report shows\nSELECT m.code, m.name\n  FROM enterprise.markets m\n WHERE m.region = 'EU'"
EMAILS = (
    "SELECT c.email, sum(o.amount)\n  FROM enterprise.customers c\n  JOIN enterprise.orders o ON o.customer_id = c.id\n"
    " WHERE o.status = 'paid'\n GROUP BY 1"
)
HOSTILE = "[@click=app.approve]read me[/] \x1b]0;owned\x07 \u202egnp.exe ze\u200bro"


async def write(pilot: Pilot[None], sql: str, *expected: str) -> None:
    pilot.app.screen.query_one(Editor).text = sql
    await shows(pilot, *expected)


async def submitted(pilot: Pilot[None], sql: str, verdict: str, reason: str = "INC-4411 refund mismatch") -> None:
    await write(pilot, sql, verdict)
    await pilot.press("ctrl+j")
    pilot.app.screen.query_one("#reason").value = reason  # type: ignore[attr-defined]  # the input
    await pilot.press("enter")


def review(world: World, reason: str = "INC-4411 refund mismatch", sql: str = EMAILS) -> RequestView:
    return world.ask(Draft(database="mydatabase", sql=sql, reason=reason), MARA, GROUPS)


# --- mode 1


async def empty(world: World, pilot: Pilot[None]) -> None:
    await shows(pilot, "^J submit")


async def automatic(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, MARKETS, "✓ AUTO nobody needs to approve")


async def needs_approval(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, EMAILS, "▲ NEEDS APPROVAL 1 of privacy")


async def denied(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, "DELETE FROM ledger.entries\n WHERE amount < 0", "✗ DENIED")


async def parse_error(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, MARKETS, "✓ AUTO")
    await write(pilot, MARKETS.replace("WHERE", "WHEN"), "syntax error")


async def unknown_table(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, "SELECT *\n  FROM enterprise.market", "Did you mean")


async def hostile_draft(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, f"SELECT code FROM enterprise.markets -- {HOSTILE}", "✓ AUTO", "⟨U+202E⟩")


async def offline(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, MARKETS, "✓ AUTO")
    world.go_offline()
    await shows(pilot, "✗ offline")
    await write(pilot, EMAILS, "no verdict")


async def sign_in_expired(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, MARKETS, "✓ AUTO")
    world.sign_out()
    await shows(pilot, "Sign in again")


async def reason_wanted(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, MARKETS, "✓ AUTO")
    await pilot.press("ctrl+j")
    await shows(pilot, "Why do you need it?")


async def confirming(world: World, pilot: Pilot[None]) -> None:
    await submitted(pilot, "DELETE FROM ledger.entries", "✗ DENIED")
    await shows(pilot, "submits all the same")


async def agent_away(world: World, pilot: Pilot[None]) -> None:
    world.agent_online = False
    await submitted(pilot, MARKETS, "✓ AUTO")
    await shows(pilot, "waiting for the agent")


async def pending(world: World, pilot: Pilot[None]) -> None:
    await submitted(pilot, EMAILS, "▲ NEEDS APPROVAL")
    await shows(pilot, "waiting for approval")


async def ready(world: World, pilot: Pilot[None]) -> None:
    await pending(world, pilot)
    (rid,) = world.views
    world.move(rid, State.APPROVED, "approval", who=MARA)
    world.activate(rid)
    await shows(pilot, "● READY")


async def approved(world: World, pilot: Pilot[None]) -> None:
    await pending(world, pilot)
    (rid,) = world.views
    world.move(rid, State.APPROVED, "approved")
    await shows(pilot, "● approved, to be collected")


async def provisioning(world: World, pilot: Pilot[None]) -> None:
    await approved(world, pilot)
    (rid,) = world.views
    world.move(rid, State.PROVISIONING, "provisioning")
    await shows(pilot, "● making the login")


async def expired(world: World, pilot: Pilot[None]) -> None:
    await ready(world, pilot)
    (rid,) = world.views
    world.move(rid, State.ENDED, "ended", end_cause="expired", message="its time was up")
    await shows(pilot, "its time was up")


async def needs_changes(world: World, pilot: Pilot[None]) -> None:
    await pending(world, pilot)
    (rid,) = world.views
    struck = ("SELECT (email) on enterprise.customers",)
    said, hint = "an approver took away what it needs: email", "Leave email out of the SQL and ask again."
    world.move(rid, State.NEEDS_CHANGES, "needs_changes", struck=struck, message=said, hint=hint)
    await pilot.press("ctrl+o", "2")
    await shows(pilot, "✗ needs changes", "leave out")


async def completing(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, "SELECT c. FROM enterprise.customers c", "✗ 1:")
    pilot.app.screen.query_one(Editor).move_cursor((0, 9))
    await pilot.press("ctrl+n")
    await shows(pilot, "Tab takes it")


async def recent(world: World, pilot: Pilot[None]) -> None:
    await submitted(pilot, MARKETS, "✓ AUTO", "Monthly report")
    await shows(pilot, "approved, to be collected")
    await pilot.press("ctrl+o", "h")
    await shows(pilot, "recent SQL: words")


async def revoked(world: World, pilot: Pilot[None]) -> None:
    await ready(world, pilot)
    (rid,) = world.views
    world.move(rid, State.ENDING, "ending", who=MARA, data={"act": "revoke", "comment": "the incident is over"})
    world.move(rid, State.ENDED, "ended", who=MARA, end_cause="revoked", data={"cause": "revoked"})
    await shows(pilot, "✓ ending by mara@corp.example: the incident is over", "✗ ended: revoked")


async def refused_by_a_person(world: World, pilot: Pilot[None]) -> None:
    await pending(world, pilot)
    (rid,) = world.views
    world.move(rid, State.DENIED, "denied", who=MARA, message="denied: names will do", hint="Leave out c.email.")
    await shows(pilot, "denied: names will do")


# --- the other modes


async def mine(world: World, pilot: Pilot[None]) -> None:
    world.activate(world.ask(Draft(database="mydatabase", sql=MARKETS, reason="Monthly report"), DANA, GROUPS).rid)
    world.ask(Draft(database="mydatabase", sql=EMAILS, reason="INC-4411"), DANA, GROUPS)
    world.ask(Draft(database="mydatabase", sql="delete from ledger.entries", reason="Clean up"), DANA, GROUPS)
    await pilot.press("ctrl+o", "2")
    await shows(pilot, "⏳ 41:12", "✗ denied", "asked for what the rules give")
    await pilot.press("j", "j")
    await shows(pilot, "✓ ready")


async def inbox_empty(world: World, pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "Nothing waits for you.")


async def inbox(world: World, pilot: Pilot[None]) -> None:
    review(world, "Somebody else's", "select phone from enterprise.customers")
    review(world)
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✓ verified")


async def inbox_narrowing(world: World, pilot: Pilot[None]) -> None:
    await inbox(world, pilot)
    await pilot.press("n", "space")
    await shows(pilot, "✗ struck")


async def inbox_narrowed(world: World, pilot: Pilot[None]) -> None:
    await inbox_narrowing(world, pilot)
    await pilot.press("enter")
    await shows(pilot, "less than was asked for")


async def inbox_several(world: World, pilot: Pilot[None]) -> None:
    await inbox(world, pilot)
    await pilot.press("space", "space", "A")
    await shows(pilot, "Approve 2 requests")


async def inbox_writing(world: World, pilot: Pilot[None]) -> None:
    sql = "UPDATE enterprise.orders\n   SET status = 'paid'\n WHERE id = 7"
    world.ask(Draft(database="mydatabase", sql=sql, reason="INC-4411"), MARA, ("engineers",))
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✓ verified")
    await pilot.press("A", "enter")
    await shows(pilot, "Type mydatabase and Enter to sign")


async def inbox_stepping_up(world: World, pilot: Pilot[None]) -> None:
    world.step_up = True
    await inbox(world, pilot)
    await pilot.press("A", "enter")
    await shows(pilot, "Sign in with your browser")


async def breaking_the_glass(world: World, pilot: Pilot[None]) -> None:
    world.groups = ("engineers",)
    await write(pilot, "SELECT phone\n  FROM enterprise.customers\n WHERE id = 7", "▲ NEEDS APPROVAL")
    pilot.app.screen.query_one("#reason").value = "INC-4411 refunds are stuck"  # type: ignore[attr-defined]  # the input
    await pilot.press("ctrl+o", "!")
    await shows(pilot, "Break the glass on mydatabase")


def emergency(world: World) -> RequestView:
    draft = Draft(database="mydatabase", sql="SELECT phone\n  FROM enterprise.customers", reason="INC-4411 stuck")
    return world.activate(world.ask(draft, MARA, ("engineers",), break_glass=True).rid)


async def inbox_emergency(world: World, pilot: Pilot[None]) -> None:
    emergency(world)
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "! an emergency: dba are told")


async def inbox_looked_at(world: World, pilot: Pilot[None]) -> None:
    late = emergency(world)
    world.views[late.rid] = msgspec.structs.replace(late, review_due=NOW - 7200)
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✗ OVERDUE")
    await pilot.press("A")
    await shows(pilot, "You have looked at this emergency")


async def allowing(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
    await pilot.press("ctrl+o", "m", "a")
    await shows(pilot, "Approve in advance, on mydatabase")
    await pilot.press(*"sam@corp.example", "ctrl+j")
    await shows(pilot, "You approve one request of sam@corp.example")


async def allowing_form(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
    await pilot.press("ctrl+o", "m", "a", "ctrl+j")
    await shows(pilot, "Say whose requests.")


async def delegating(world: World, pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+o", "m", "s")
    await shows(pilot, "Let somebody approve in your place")


async def mandates(world: World, pilot: Pilot[None]) -> None:
    sam = Named(iss=ISS, sub=None, email="sam@corp.example")
    await world.sign_mandate(Delegating(person=sam, groups=("privacy",), lifetime=8 * 3600, comment="Away on Friday"))
    await pilot.press("ctrl+o", "m")
    await shows(pilot, "delegates to sam@corp.example", "Away on Friday")


async def mine_longer(world: World, pilot: Pilot[None]) -> None:
    await mine(world, pilot)
    await pilot.press("e")
    await shows(pilot, "Longer: r-")


async def inbox_approving(world: World, pilot: Pilot[None]) -> None:
    await inbox(world, pilot)
    await pilot.press("A", *"seen the ticket")
    await shows(pilot, "seen the ticket")


async def inbox_denying(world: World, pilot: Pilot[None]) -> None:
    await inbox(world, pilot)
    await pilot.press("X", "enter")
    await shows(pilot, "A denial needs a comment")


async def inbox_hostile(world: World, pilot: Pilot[None]) -> None:
    review(world, HOSTILE, f"select email from enterprise.customers -- {HOSTILE}")
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✓ verified")


async def inbox_not_verified(world: World, pilot: Pilot[None]) -> None:
    view = review(world)
    request = jws.unverified_record(view.request, Request)
    swapped = jws.sign(msgspec.structs.replace(request, what=What(statement=("select 1",))), PERSON)
    world.views[view.rid] = msgspec.structs.replace(world.views[view.rid], request=swapped)
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✗ NOT VERIFIED")


async def inbox_changed(world: World, pilot: Pilot[None]) -> None:
    view = review(world)
    await pilot.press("ctrl+o", "3")
    await shows(pilot, "✓ verified")
    world.admit(view.rid, MARA, GROUPS, ttl=600)
    await shows(pilot, "Changed, review again")


async def inbox_own(world: World, pilot: Pilot[None]) -> None:
    view = world.ask(Draft(database="mydatabase", sql=EMAILS, reason="mine"), DANA, GROUPS)
    world.views[view.rid] = msgspec.structs.replace(view, reviewable=True)
    await pilot.press("ctrl+o", "3", "R")
    await shows(pilot, "You asked for this yourself")


async def history(world: World, pilot: Pilot[None]) -> None:
    review(world)
    ended = world.activate(
        world.ask(Draft(database="mydatabase", sql=MARKETS, reason="Monthly report"), DANA, GROUPS).rid
    )
    receipt = Deletion(
        rh=jws.record_hash(ended.request),
        login="p0_dana_x1",
        set=DroppedSet(name="p0_set", dropped=True),
        at=NOW,
        cause="expired",
        residue=(),
    )
    world.move(ended.rid, State.ENDED, "ended", end_cause="expired", deletion=jws.sign(receipt, AGENT))
    await pilot.press("ctrl+o", "4")
    await shows(pilot, "○ expired", "deletion p0_dana_x1 expired")


async def help_(world: World, pilot: Pilot[None]) -> None:
    await pilot.press("f1")
    await shows(pilot, "submit; also Enter in the reason")


async def choosing(world: World, pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+o", "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, ChooseDatabaseScreen), "the databases")


async def ending(world: World, pilot: Pilot[None]) -> None:
    await inbox_emergency(world, pilot)
    await pilot.press("X")
    await shows(pilot, "Enter signs that it ends now")


async def jumping(world: World, pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+o")
    await shows(pilot, "jump 1 Request 2 Mine")


async def file_wanted(world: World, pilot: Pilot[None]) -> None:
    await write(pilot, MARKETS, "✓ AUTO")
    await pilot.press("ctrl+o", "o")
    await shows(pilot, "Open a file of SQL")


async def commands(world: World, pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+p")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette), "the palette")
    pilot.app.screen.query_one(Input).cursor_blink = False
    fill(pilot, "psql")
    await shows(pilot, "Become psql")


SCENARIOS: tuple[Scenario, ...] = (
    *(empty, automatic, needs_approval, denied, parse_error, unknown_table, hostile_draft, offline, sign_in_expired),
    *(reason_wanted, confirming, agent_away, pending, ready, revoked, refused_by_a_person, mine, inbox_empty, inbox),
    *(inbox_approving, inbox_denying, inbox_hostile, inbox_not_verified, inbox_changed, inbox_own, history, help_),
    *(jumping, approved, provisioning, expired, needs_changes, completing, recent, mine_longer),
    *(inbox_narrowing, inbox_narrowed, inbox_several, inbox_writing, inbox_stepping_up),
    *(breaking_the_glass, inbox_emergency, inbox_looked_at, allowing, allowing_form, delegating, mandates),
    *(choosing, ending, file_wanted, commands),
)


@pytest.fixture(autouse=True)
def at_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are those of the machine."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def picture_of(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SVGImageExtension)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda item: item.__name__.strip("_"))
async def test_looks(world: World, scenario: Scenario, picture_of: SnapshotAssertion) -> None:
    """On a screen that then becomes a small one: half the starts, and nothing may be lost on the way."""
    async with running(world, (120, 40), toasts=False) as pilot:
        await scenario(world, pilot)
        assert await picture(world, pilot) == picture_of(name="120x40")
        await pilot.resize_terminal(80, 24)
        assert await picture(world, pilot) == picture_of(name="80x24")


@pytest.mark.parametrize("scenario", [needs_approval, mine, inbox_approving, history], ids=lambda item: item.__name__)
async def test_looks_light(world: World, scenario: Scenario, picture_of: SnapshotAssertion) -> None:
    async with running(world, (120, 40), toasts=False) as pilot:
        pilot.app.theme = LIGHT
        await scenario(world, pilot)
        assert await picture(world, pilot) == picture_of


class Unhurried(P0App):
    """Its toasts stay."""

    NOTIFICATION_TIMEOUT = 3600


async def test_looks_with_a_toast(world: World, picture_of: SnapshotAssertion) -> None:
    world.refused_extension = DeniedError(
        "customers-pii gives 30m at most", code="denied", hint="Ask for a new access when this one is over."
    )
    async with running(world, (120, 40), kind=Unhurried) as pilot:
        await mine_longer(world, pilot)
        await pilot.press("enter")
        await shows(pilot, "did not work: customers-pii gives 30m at most")
        assert await picture(world, pilot) == picture_of(name="120x40")
        await pilot.resize_terminal(80, 24)
        assert await picture(world, pilot) == picture_of(name="80x24")


async def test_looks_on_a_wide_screen(world: World, picture_of: SnapshotAssertion) -> None:
    async with running(world, (200, 60), toasts=False) as pilot:
        await needs_approval(world, pilot)
        assert await picture(world, pilot) == picture_of


async def test_looks_in_production(world: World, picture_of: SnapshotAssertion) -> None:
    world.name = "prod-sales"
    async with running(world, (120, 40), toasts=False) as pilot:
        await automatic(world, pilot)
        await shows(pilot, "p0 ▲PROD prod-sales ▾")
        assert await picture(world, pilot) == picture_of(name="120x40")
        await pilot.resize_terminal(80, 24)
        assert await picture(world, pilot) == picture_of(name="80x24")


async def test_looks_plain(world: World, picture_of: SnapshotAssertion) -> None:
    async with running(world, (120, 40), toasts=False) as pilot:
        pilot.app.theme = "p0-plain"
        await needs_approval(world, pilot)
        assert await picture(world, pilot) == picture_of


async def test_looks_without_colours(
    world: World, picture_of: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(world, (120, 40), toasts=False) as pilot:
        await needs_approval(world, pilot)
        assert await picture(world, pilot) == picture_of


async def test_looks_with_the_catalog_over_it(world: World, picture_of: SnapshotAssertion) -> None:
    async with running(world, (80, 24), toasts=False) as pilot:
        await automatic(world, pilot)
        await pilot.press("ctrl+b", "j", "j", "l")
        await shows(pilot, "market_id")
        assert await picture(world, pilot) == picture_of


async def test_looks_too_small(world: World, picture_of: SnapshotAssertion) -> None:
    async with running(world, (80, 24), toasts=False) as pilot:
        await pilot.resize_terminal(50, 12)
        await shows(pilot, "enlarge the terminal")
        assert await picture(world, pilot) == picture_of


async def picture(world: World, pilot: Pilot[None]) -> str:
    """What is on the screen once it stands still, without what a change elsewhere in the records would change."""
    before: list[Strip] = []
    while (lines := strips(pilot)) != before:
        before = lines
        await pilot.pause(SETTLED)
    now = pilot.app.export_screenshot(title="p0 tui")
    for view in world.views.values():
        if view.admission is not None:
            now = _without_hash(now, jws.record_hash(view.admission))
    return re.sub(r"terminal-\d+", "terminal", now)


def _without_hash(picture: str, hash_: str) -> str:
    """With `h` in the place of the hash, and of what a dialog over it leaves of its start and its end."""
    for length in range(len(hash_), 5, -1):
        for part in (hash_[:length], hash_[-length:]):
            picture = picture.replace(part, "h" * length)
    return picture
