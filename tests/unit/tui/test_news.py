"""What becomes of one's requests by what others do: told wherever one is, and what is over offers no psql any more."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from fix_tui import DANA, GROUPS, MARA, World, running, shows, until
from p0_access.messages.views import RequestView, State
from p0_tui.backend import Draft
from p0_tui.widgets.banner import ReadyBanner
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.safe_input import SafeInput

MARKETS = "select code from enterprise.markets"
EMAILS = "select email from enterprise.customers"


def asked(world: World, sql: str = EMAILS) -> RequestView:
    return world.ask(Draft(database="mydatabase", sql=sql, reason="INC-1"), DANA, GROUPS)


def banner(pilot: Pilot[None]) -> ReadyBanner:
    return pilot.app.screen.query_one(ReadyBanner)


async def opened(world: World, pilot: Pilot[None]) -> RequestView:
    """An access that was asked for here."""
    pilot.app.screen.query_one(Editor).text = MARKETS
    pilot.app.screen.query_one("#reason", SafeInput).value = "Monthly report"
    await shows(pilot, "✓ AUTO")
    await pilot.press("ctrl+j")
    await until(pilot, lambda: world.views, "it is asked for")
    (rid,) = world.views
    world.activate(rid)
    await shows(pilot, f"● READY {rid}")
    return world.views[rid]


async def test_an_access_that_somebody_ended_is_no_longer_ready_and_that_is_told(world: World) -> None:
    async with running(world) as pilot:
        view = await opened(world, pilot)
        world.move(view.rid, State.ENDING, "ending", who=MARA, data={"act": "revoke", "comment": "it is over"})
        await until(pilot, lambda: not banner(pilot).display, "nothing is ready any more")
        world.move(view.rid, State.ENDED, "ended", who=MARA, end_cause="revoked", data={"cause": "revoked"})
        await shows(pilot, f"{view.rid} on mydatabase is over: revoked.")
        await shows(pilot, "✓ ending by mara@corp.example: it is over", "✗ ended: revoked")
        await pilot.press("f2")
        await shows(pilot, "No open access.")
        assert world.ran == []


async def test_an_end_that_no_event_told_of_is_noticed_with_the_lists(world: World) -> None:
    async with running(world) as pilot:
        view = await opened(world, pilot)
        listeners, world._listeners = world._listeners, set()
        world.move(view.rid, State.ENDED, "ended", end_cause="changed", data={"cause": "changed"})
        world._listeners = listeners
        await pilot.press("ctrl+o", "2", "R")
        await shows(pilot, f"{view.rid} on mydatabase is over: changed.")
        await until(pilot, lambda: not banner(pilot).display, "nothing is ready any more")


@pytest.mark.parametrize(
    ("state", "event", "told"),
    [
        (State.APPROVED, "approved", "is approved: Enter on it in Mine opens psql."),
        (State.DENIED, "denied", "is denied. names will do"),
        (State.LAPSED, "lapsed", "is lapsed. names will do"),
    ],
)
async def test_what_was_decided_elsewhere_is_told(world: World, state: State, event: str, told: str) -> None:
    view = asked(world)
    async with running(world) as pilot:
        message = "names will do" if state.final else None
        world.move(view.rid, state, event, who=MARA, message=message)
        await shows(pilot, f"{view.rid} on mydatabase {told}")


@pytest.mark.parametrize("cause", ["relinquished", "withdrawn", "extended"])
async def test_what_i_ended_myself_is_no_news(world: World, cause: str) -> None:
    mine = world.activate(asked(world, MARKETS).rid)
    other = asked(world)
    async with running(world) as pilot:
        world.move(mine.rid, State.ENDED, "ended", end_cause=cause, data={"cause": cause})
        world.move(other.rid, State.APPROVED, "approved", who=MARA)
        await shows(pilot, f"{other.rid} on mydatabase is approved")
        assert not [text for text in pilot.app._notifications if mine.rid in text.message]
