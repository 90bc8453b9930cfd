"""Longer access, signing in from within, the sign-in that a decision demands; the clock, the look, exports."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from fix_tui import DANA, GROUPS, MARA, World, fill, running, screen_text, shows, until
from p0_access.messages.views import RequestSummary, State
from p0_tui.backend import Draft
from p0_tui.database_look import look_of
from p0_tui.errors import TuiError
from p0_tui.export import COLUMNS, export
from p0_tui.screens.browser import BrowserScreen
from p0_tui.widgets.editor import Editor

MARKETS = "select id, code from enterprise.markets"
EMAILS = "select name, email from enterprise.customers"


async def holding(world: World, pilot: Pilot[None]) -> str:
    rid = world.ask(Draft(database="mydatabase", sql=MARKETS, reason="reports"), DANA, GROUPS).rid
    world.activate(rid)
    await pilot.press("ctrl+o", "2")
    await shows(pilot, "⏳ 41:12")
    return rid


async def test_an_open_access_is_asked_for_longer(world: World) -> None:
    async with running(world) as pilot:
        rid = await holding(world, pilot)
        await pilot.press("e")
        await shows(pilot, f"Longer: {rid} on mydatabase", "It lasts 2502s from its start.")
        await pilot.press(*(["backspace"] * 5), *"10m", "enter")
        await shows(pilot, "More than 2502s")
        await pilot.press(*(["backspace"] * 3), *"2h", "enter")
        await shows(pilot, f"{rid} is extended: 2:00:00 left.", "⏳ 2:00:00")
        assert world.extended == [(rid, 7200, "reports")]
        await pilot.press("e", "escape")
        assert len(world.extended) == 1


async def test_the_second_that_making_the_login_took_is_not_told(world: World) -> None:
    async with running(world) as pilot:
        rid = world.ask(Draft(database="mydatabase", sql=MARKETS, reason="reports", ttl=2503), DANA, GROUPS).rid
        world.activate(rid)
        await pilot.press("ctrl+o", "2")
        await shows(pilot, "⏳ 41:12")
        await pilot.press("e")
        await shows(pilot, "It lasts 2503s from its start.")


async def test_what_is_over_is_edited_instead(world: World) -> None:
    async with running(world) as pilot:
        rid = await holding(world, pilot)
        world.move(rid, State.ENDED, "ended", end_cause="expired")
        await shows(pilot, "○ expired")
        await pilot.press("e")
        await until(pilot, lambda: pilot.app.screen.query_one(Editor).text == MARKETS, "the draft")
        assert world.extended == []


async def test_what_an_approver_struck_is_said_where_it_is_asked_again(world: World) -> None:
    async with running(world) as pilot:
        rid = await holding(world, pilot)
        struck = ("SELECT (email) on enterprise.customers",)
        world.move(
            rid,
            State.NEEDS_CHANGES,
            "needs_changes",
            struck=struck,
            message="too much",
            hint="Leave email out of the SQL.",
        )
        await shows(pilot, "✗ needs changes", "leave out SELECT (email) on enterprise.customers", "Leave email out")


async def test_signing_in_from_within_keeps_the_draft(world: World) -> None:
    async with running(world) as pilot:
        pilot.app.screen.query_one(Editor).text = MARKETS
        world.sign_out()
        await shows(pilot, "Sign in again", "your sign-in has expired")
        await pilot.press("enter")
        await shows(pilot, "Sign in with your browser", "https://id.example/authorize?for=signing-in")
        world.signed_in.set()
        await shows(pilot, "live ✓", "✓ AUTO")
        assert pilot.app.screen.query_one(Editor).text == MARKETS


async def test_giving_up_the_sign_in_is_said_and_offered_again(world: World) -> None:
    async with running(world) as pilot:
        world.sign_out()
        await shows(pilot, "Sign in again")
        await pilot.press("enter")
        await shows(pilot, "Sign in with your browser")
        await pilot.press("escape")
        await shows(pilot, "the sign-in was given up")


@pytest.mark.parametrize("signs_in", [True, False])
async def test_a_decision_that_demands_a_sign_in_waits_for_it(world: World, *, signs_in: bool) -> None:
    world.step_up = True
    view = world.ask(Draft(database="mydatabase", sql=EMAILS, reason="INC-1"), MARA, GROUPS)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3")
        await shows(pilot, "✓ verified")
        await pilot.press("A", "enter")
        await shows(pilot, "Sign in with your browser", "https://id.example/authorize?for=this-decision")
        assert world.decided == []
        if signs_in:
            world.signed_in.set()
            await shows(pilot, f"You approved {view.rid}")
        else:
            await pilot.press("escape")
            await shows(pilot, "the sign-in was given up: nothing was signed")
        await until(pilot, lambda: not isinstance(pilot.app.screen, BrowserScreen), "the dialog went")
    assert len(world.decided) == int(signs_in)


async def test_countdowns_go_by_the_servers_clock(world: World) -> None:
    async with running(world) as pilot:
        await holding(world, pilot)
        world.ahead = 600.0
        await shows(pilot, "⏳ 31:12")
        world.ahead = 1.0
        await shows(pilot, "⏳ 41:12")


async def test_production_is_told_by_a_word_too(world: World) -> None:
    for name in ("prod-sales", "sales_production", "live"):
        assert look_of(name).mark == "▲PROD "
    for name in ("products", "delivery", "reproduction", "staging"):
        assert look_of(name).mark == ""
    assert look_of("staging") == look_of("staging")
    world.name = "prod-sales"
    async with running(world) as pilot:
        await shows(pilot, "p0 ▲PROD prod-sales ▾")


async def test_the_theme_is_kept(world: World, tmp_path: Path) -> None:
    async with running(world, state=tmp_path) as pilot:
        pilot.app.action_switch_theme()  # type: ignore[attr-defined]  # it is a P0App
        pilot.app.action_switch_theme()  # type: ignore[attr-defined]
        assert pilot.app.theme == "p0-plain"
    async with running(world, state=tmp_path) as pilot:
        assert pilot.app.theme == "p0-plain"


async def test_history_is_exported_as_filtered(world: World, tmp_path: Path) -> None:
    async with running(world) as pilot:
        await holding(world, pilot)
        world.ask(Draft(database="mydatabase", sql=EMAILS, reason="=cmd|calc"), MARA, GROUPS)
        await pilot.press("ctrl+o", "4")
        await shows(pilot, "mara@corp.example")
        await pilot.press("slash", *"mara", "enter", "x")
        await shows(pilot, "Export 1 requests")
        fill(pilot, str(tmp_path / "out.csv"))
        await pilot.press("enter")
        await shows(pilot, "Exported 1 requests to")
        assert "mara@corp.example" in screen_text(pilot)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert tuple(row) == COLUMNS
    assert row["requestor"] == "mara@corp.example"
    assert row["reason"] == "'=cmd|calc"
    assert row["created"].endswith("+00:00")


def test_json_exports_read_back(world: World, tmp_path: Path) -> None:
    view = world.ask(Draft(database="mydatabase", sql=EMAILS, reason="é"), MARA, GROUPS)
    export(tmp_path / "out.json", [view])
    (read,) = msgspec.json.decode((tmp_path / "out.json").read_bytes(), type=list[RequestSummary])
    assert (read.rid, read.reason) == (view.rid, "é")
    with pytest.raises(TuiError, match=r"\.json or \.csv"):
        export(tmp_path / "out.txt", [view])
    with pytest.raises(TuiError, match="could not be written"):
        export(tmp_path / "out.json" / "x.json", [view])
