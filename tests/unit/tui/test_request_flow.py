"""Mode 1 as a person uses it: draft, verdict, submit, wait, psql."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from fix_tui import DANA, GROUPS, World, running, screen_text, shows, until
from p0_access.messages.views import Explained, RequestView, State
from p0_access.routing.load import load
from p0_launcher.errors import UnavailableError
from p0_tui.backend import Draft
from p0_tui.screens.confirm import ConfirmScreen
from p0_tui.screens.work import WorkScreen
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.permissions import Easier, PermissionsPanel
from p0_tui.widgets.safe_input import SafeInput

MARKETS = "select id, code from enterprise.markets"
EMAILS = "select name, email from enterprise.customers"


def editor(pilot: Pilot[None]) -> Editor:
    return pilot.app.screen.query_one(Editor)


def work(pilot: Pilot[None]) -> WorkScreen:
    screen = pilot.app.screen
    assert isinstance(screen, WorkScreen)
    return screen


async def write(pilot: Pilot[None], sql: str, *expected: str) -> None:
    editor(pilot).focus()
    editor(pilot).text = sql
    await shows(pilot, *expected)


async def test_from_paste_to_psql_in_three_keys_and_a_reason(world: World, tmp_path: Path) -> None:
    marker = tmp_path / "psql-ran"
    world.psql_program = (sys.executable, "-c", f"open({str(marker)!r}, 'w').close()")
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO", "✓ code id auto")
        await pilot.press("ctrl+j")
        await shows(pilot, "Why do you need it? Enter submits")
        await pilot.press(*"reports", "enter")
        await shows(pilot, "✓ submitted by dana@corp.example", "● approved, to be collected")
        assert world.submitted == [Draft(database="mydatabase", sql=MARKETS, reason="reports")]
        (rid,) = world.views
        world.activate(rid)
        await shows(
            pilot, "✓ ready", f"● READY {rid} F2 psql on mydatabase, F3 runs its SQL ⏳ 41:12 left", "2 Mine 1●"
        )
        assert not marker.exists(), "psql was opened unasked"
        ran: list[tuple[str, ...]] = []

        async def run(argv: tuple[str, ...], **_: object) -> int:
            ran.append(tuple(argv))
            return 3

        work(pilot)._run = run
        await pilot.press("f2")
        await shows(pilot, "psql ended with status 3")
        assert ran == [world.psql_program]


async def test_the_local_reading_is_there_in_the_frame_of_the_key(world: World) -> None:
    async with running(world) as pilot:
        world.go_offline()
        await shows(pilot, "✗ offline")
        editor(pilot).focus()
        editor(pilot).insert(MARKETS)
        shown = pilot.app.screen.query_one(PermissionsPanel).shown
        assert shown.assessment is not None
        assert [group.target for group in shown.assessment.groups] == ["enterprise.markets"]
        await shows(pilot, "? UNKNOWN", "no verdict: the server at http://127.0.0.1:8400 does not answer")


async def test_groups_carry_verdict_tags_and_who_decides(world: World) -> None:
    async with running(world) as pilot:
        await write(
            pilot,
            EMAILS,
            "▲ NEEDS APPROVAL 1 of privacy",
            "rule customers-pii: enterprise.customers.email is pii",
            "for 30m",
            "▲ email pii 1 of privacy",
            "✓ name auto",
            "without customers.email ⇒ automatic",
        )


async def test_denied_says_by_what_and_asks_before_it_is_sent_all_the_same(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, "insert into ledger.entries (id) values (1)", "✗ DENIED", "Open a migration instead")
        await pilot.press("ctrl+j", *"x", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen), "the question")
        await shows(pilot, "The rules say no to this")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")
        assert world.submitted == []


async def test_a_parse_error_is_shown_at_its_place_and_the_last_good_panel_is_stale(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await write(pilot, f"{MARKETS} wherex x y", "✗ line 1, column 48", "stale", "✓ code id auto")
        assert pilot.app.screen.query_one("#judged").has_class("stale")
        marked = [span for span in editor(pilot).get_line(0).spans if getattr(span.style, "underline", False)]
        assert [editor(pilot).text[span.start : span.end] for span in marked] == ["x"]
        before = world.explained
        await pilot.press("ctrl+j")
        await shows(pilot, "This SQL is not understood yet")
        assert editor(pilot).cursor_location == (0, 47)
        assert (world.submitted, world.explained) == ([], before)
        await write(pilot, MARKETS, "✓ AUTO")
        assert not pilot.app.screen.query_one("#judged").has_class("stale")


async def test_an_unknown_table_names_the_nearest(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, "select * from enterprise.market", "does not exist Did you mean enterprise.markets")


async def test_a_verdict_that_differs_from_the_shown_one_is_confirmed(world: World) -> None:
    strict = (
        b"version: 1\nrules:\n- {name: ask, resource: {databases: ['*']}, approval: {approvers: {groups: [dba]}}}\n"
    )
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+o", "r", *"reports")
        await until(pilot, lambda: world.explained >= 2, "asked again with the reason")
        world.rules = load(strict, source="strict")
        await pilot.press("enter")
        await shows(pilot, "The verdict is not the one that was on the screen", "▲ NEEDS APPROVAL 1 of dba")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")
        assert world.submitted == []
        await pilot.press("ctrl+j")  # now it is the one on the screen
        await shows(pilot, "● waiting for approval · dba 0/1")
        assert len(world.submitted) == 1


async def test_another_draft_shows_what_it_needs_where_the_status_stood(world: World) -> None:
    async with running(world, (80, 24)) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        pilot.app.screen.query_one("#reason", SafeInput).value = "Monthly report"
        await pilot.press("ctrl+j")
        await shows(pilot, "Status · r-")
        await pilot.press("ctrl+o", "q")
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
        assert "Status · r-" not in screen_text(pilot)


async def test_a_late_answer_to_an_earlier_text_is_dropped(world: World) -> None:
    slow = asyncio.Event()
    asked: list[str] = []
    explain = world.explain

    async def held(draft: Draft, *, break_glass: bool = False) -> Explained:
        asked.append(draft.sql)
        answer = await explain(draft, break_glass=break_glass)
        if draft.sql == EMAILS:
            await asyncio.shield(slow.wait())
        return answer

    world.explain = held  # type: ignore[method-assign]
    async with running(world) as pilot:
        await write(pilot, EMAILS, "checking…")
        await until(pilot, lambda: EMAILS in asked, "asked")
        await write(pilot, MARKETS, "✓ AUTO")
        slow.set()
        await pilot.pause(0.05)
        assert "✓ AUTO" in screen_text(pilot)


async def test_ttl_is_checked_before_anything_is_asked(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+o", "r", *"why")
        pilot.app.screen.query_one("#ttl", SafeInput).focus()
        await pilot.press(*"soon", "enter")
        await shows(pilot, "The TTL should look like 30m")
        pilot.app.screen.query_one("#ttl", SafeInput).value = "15m"
        await shows(pilot, "for 15m")
        await pilot.press("enter")
        await until(pilot, lambda: world.submitted, "submitted")
        assert world.submitted[0].ttl == 900


async def test_waiting_for_approval_then_approved_then_ready(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
        await pilot.press("ctrl+j", *"INC-1", "enter")
        await shows(pilot, "● waiting for approval · privacy 0/1")
        (rid,) = world.views
        world.move(rid, State.APPROVED, "approval")
        world.activate(rid)
        await shows(pilot, "✓ ready", "● READY")


async def test_a_denial_shows_its_comment_and_what_to_do(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
        await pilot.press("ctrl+j", *"INC-1", "enter")
        await shows(pilot, "waiting for approval")
        (rid,) = world.views
        world.move(rid, State.DENIED, "denied", message="denied: ask for names only", hint="Leave out email.")
        await shows(pilot, "✗ denied", "denied: ask for names only", "Leave out email.")


async def test_f2_without_an_access_says_what_to_do(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("f2")
        await shows(pilot, "No open access. Submit with ^J")


async def test_offline_keeps_drafting_and_comes_back_by_itself(world: World) -> None:
    async with running(world) as pilot:
        world.go_offline()
        await shows(pilot, "✗ offline", "Offline, trying again")
        await write(pilot, MARKETS, "SELECT enterprise.markets")
        await pilot.press("ctrl+j", *"x", "enter")
        await shows(pilot, "does not answer (Does it run?)")
        await shows(pilot, "✗ not submitted", "Your draft is kept. ^J submits it then.")
        assert world.submitted == []
        world.come_back()
        await pilot.press("ctrl+o", "p", "R")
        await shows(pilot, "live ✓", "✓ AUTO")


async def test_a_verdict_from_before_the_server_went_is_called_that(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        world.go_offline()
        await shows(pilot, "✗ offline")
        await write(pilot, f"{MARKETS} ", "the verdict below is from before: the server at")
        await write(pilot, EMAILS, "no verdict: the server at")


async def test_what_may_have_arrived_is_not_said_to_be_lost_and_opens_no_other_access(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+j", *"x", "enter")
        await until(pilot, lambda: world.views, "asked for")
        world.activate(next(iter(world.views)))
        await shows(pilot, "⏳ 41:12 left")

        async def silent(draft: Draft, *, break_glass: bool = False) -> RequestView:
            raise UnavailableError("nobody answers", code="server_unavailable", hint="It may have arrived: p0 show r-1")

        monkeypatch.setattr(world, "submit", silent)
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
        await pilot.press("ctrl+j")
        await shows(pilot, "? not known whether it arrived", "It may have arrived: p0 show r-1", "^J asks once more.")
        await pilot.press("f3")
        await shows(pilot, "There is no open access for this very SQL.")


async def test_an_expired_sign_in_is_said_over_a_kept_draft(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        world.sign_out()
        await shows(pilot, "Sign in again", "Enter signs in with your browser. Your draft is kept.")
        world.come_back()
        await pilot.press("r")
        await shows(pilot, "live ✓", "enterprise.markets")
        assert editor(pilot).text == MARKETS


async def test_the_agent_away_shows_in_the_header(world: World) -> None:
    async with running(world) as pilot:
        world.agent_online = False
        await pilot.press("ctrl+o", "p", "R")
        work(pilot)._live.retry_now()
        world.go_offline()
        world.come_back()
        await shows(pilot, "agent ✗ away")
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+j", *"x", "enter")
        await shows(pilot, "● waiting for the agent", "○ decision", "○ login")


async def test_drafts_outlive_the_application(world: World, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with running(world, state=state) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+j", *"first", "enter")
        await until(pilot, lambda: world.submitted, "submitted")
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
        await until(pilot, lambda: EMAILS in (state / "drafts.json").read_text(), "saved")
    assert (state / "drafts.json").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700
    async with running(world, state=state) as pilot:
        assert editor(pilot).text == EMAILS
        await pilot.press("ctrl+o", "[")
        await until(pilot, lambda: editor(pilot).text == MARKETS, "the recent draft")
        assert pilot.app.screen.query_one("#reason", SafeInput).value == "first"


@pytest.mark.parametrize("damaged", ["{", '{"v": 1}', ""])
async def test_a_damaged_drafts_file_is_said_and_put_aside(world: World, tmp_path: Path, damaged: str) -> None:
    (tmp_path / "drafts.json").write_text(damaged)
    async with running(world, state=tmp_path) as pilot:
        await shows(pilot, "the drafts file is damaged")
        await write(pilot, MARKETS, "✓ AUTO")
        saved = tmp_path / "drafts.json"
        await until(pilot, lambda: saved.exists() and MARKETS in saved.read_text(), "saved")
        assert (tmp_path / "drafts.damaged").read_text() == damaged


async def test_names_go_from_the_catalog_into_the_query(world: World) -> None:
    async with running(world) as pilot:
        editor(pilot).text = "select * from "
        editor(pilot).move_cursor((0, 14))
        await pilot.press("ctrl+o", "c", "slash", *"mark", "enter", "j", "j")
        await shows(pilot, "1 of 5")
        await pilot.press("enter")
        assert editor(pilot).text == "select * from enterprise.markets"
        assert editor(pilot).has_focus


async def test_the_catalog_opens_with_vim_keys_and_clicks(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "c", "j", "j", "j", "l")
        await shows(pilot, "· region", "integer")
        await pilot.press("h")
        await until(pilot, lambda: "· region" not in screen_text(pilot), "closed")
        await pilot.click("#catalog", offset=(6, 3))
        await shows(pilot, "· region")


async def test_the_query_goes_to_the_editor_and_comes_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ed"
    program.write_text("#!/bin/sh\nprintf ' limit 1\\n' >> \"$1\"\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    monkeypatch.delenv("VISUAL", raising=False)
    async with running(world) as pilot:

        async def run(argv: list[str], **_: object) -> int:
            child = await asyncio.create_subprocess_exec(*argv)
            return await child.wait()

        work(pilot)._run = run
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: editor(pilot).text == f"{MARKETS} limit 1", "edited")


async def test_an_editor_that_fails_leaves_the_query(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "/nonexistent/editor")
    async with running(world) as pilot:

        async def run(argv: list[str], **_: object) -> int:
            raise FileNotFoundError(2, "No such file or directory")

        work(pilot)._run = run
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+e")
        await shows(pilot, "/nonexistent/editor could not be started")
        assert editor(pilot).text == MARKETS


async def test_a_running_request_is_not_disturbed_by_others(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL")
        await pilot.press("ctrl+j", *"x", "enter")
        await shows(pilot, "waiting for approval")
        other = world.ask(Draft(database="mydatabase", sql=MARKETS, reason="y"), DANA, GROUPS)
        world.activate(other.rid)
        await shows(pilot, "2 Mine 1●")
        assert "● READY" not in screen_text(pilot)


async def test_an_access_for_the_same_sql_is_used_again(world: World) -> None:
    access = world.activate(world.ask(Draft(database="mydatabase", sql=MARKETS, reason="y"), DANA, GROUPS).rid)
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+j", *"x", "enter")
        await shows(pilot, "An access for this very SQL is open already", "● READY", f"Status · {access.rid}")
        assert world.submitted == []


async def test_a_second_key_does_not_ask_twice(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        release = asyncio.Event()
        submit = world.submit

        async def slow(draft: Draft, *, break_glass: bool = False) -> RequestView:
            await release.wait()
            return await submit(draft, break_glass=break_glass)

        world.submit = slow  # type: ignore[method-assign]
        await pilot.press("ctrl+j", *"x", "enter")
        await shows(pilot, "submitting…")
        await pilot.press("enter", "ctrl+j", "enter")
        release.set()
        await shows(pilot, "✓ submitted")
        await pilot.pause()
        assert len(world.submitted) == 1


async def test_what_needs_approval_is_left_out_at_a_key_and_taken_back(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, EMAILS, "▲ NEEDS APPROVAL", "without customers.email ⇒ automatic [x]")
        await pilot.press("ctrl+o", "p", "x")
        await shows(pilot, "✓ AUTO", "customers.email left out. ^Z takes it back.")
        assert editor(pilot).text == "select name from enterprise.customers"
        await pilot.press("ctrl+o", "q", "ctrl+z")
        await shows(pilot, "because rule customers-pii:", "without customers.email ⇒ automatic [x]")
        assert editor(pilot).text == EMAILS
        panel = pilot.app.screen.query_one(PermissionsPanel)
        await until(pilot, lambda: not panel.shown.checking, "the verdict")
        assert await pilot.click(Easier, offset=(4, 0)), panel.query_one(Easier).region
        await until(pilot, lambda: editor(pilot).text == "select name from enterprise.customers", "by a click")


async def test_what_is_used_elsewhere_too_is_not_left_out_and_says_where(world: World) -> None:
    sql = f"{EMAILS}\n where email like 'a%'"
    async with running(world) as pilot:
        await write(pilot, sql, "▲ NEEDS APPROVAL", "[x]")
        await pilot.press("ctrl+o", "-")
        await shows(pilot, "customers.email is also used in line 2 (where)", "nothing was done")
        assert editor(pilot).text == sql
