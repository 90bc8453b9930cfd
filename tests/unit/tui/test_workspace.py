"""Mode 1 as a place to write SQL: names that are offered, laying out, files, earlier drafts, terms."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from fix_tui import World, fill, make_app, running, screen_text, shows, until
from p0_tui.backend import Draft
from p0_tui.drafts import Drafts
from p0_tui.screens.help import SECTIONS
from p0_tui.screens.work import WorkScreen
from p0_tui.widgets.completion_popup import CompletionPopup
from p0_tui.widgets.editor import Editor

MARKETS = "select id, code from enterprise.markets"


def editor(pilot: Pilot[None]) -> Editor:
    return pilot.app.screen.query_one(Editor)


def popup(pilot: Pilot[None]) -> CompletionPopup:
    return pilot.app.screen.query_one(CompletionPopup)


async def write(pilot: Pilot[None], sql: str, *expected: str) -> None:
    editor(pilot).focus()
    editor(pilot).text = sql
    editor(pilot).move_cursor(editor(pilot).document.end)
    await shows(pilot, *expected)


async def test_tab_takes_the_name_that_is_offered(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, "select c. from enterprise.customers c")
        editor(pilot).move_cursor((0, 9))
        await pilot.press("e", "m")
        await shows(pilot, "▸· email text", "Tab takes it ^N next Esc closes")
        await pilot.press("tab")
        assert editor(pilot).text == "select c.email from enterprise.customers c"
        assert not popup(pilot).display
        await shows(pilot, "▲ email pii")


async def test_enter_is_never_taken_and_the_cursor_closes_what_is_offered(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, "select * from enterprise.")
        await pilot.press("m")
        await shows(pilot, "▸▦ markets")
        await pilot.press("enter")
        assert editor(pilot).text == "select * from enterprise.m\n"
        await until(pilot, lambda: not popup(pilot).display, "closed")
        await pilot.press("backspace")
        await shows(pilot, "▸▦ markets")
        await pilot.press("left")
        await until(pilot, lambda: not popup(pilot).display, "closed")
        await pilot.press("right", "ctrl+n")
        await shows(pilot, "▸▦ markets")
        await pilot.press("escape")
        await until(pilot, lambda: not popup(pilot).display, "closed")
        assert editor(pilot).has_focus


async def test_ctrl_n_goes_to_the_next_name_and_a_click_takes_one(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, "select * from enterprise.")
        await pilot.press("ctrl+n", "ctrl+n")
        await shows(pilot, "▸▦ markets")
        await pilot.click(CompletionPopup, offset=(3, 2))
        assert editor(pilot).text == "select * from enterprise.orders"


async def test_tab_puts_the_nearest_name_in_the_place_of_an_unknown_one(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, "select emial from enterprise.market x", "Tab: enterprise.markets")
        await pilot.press("tab")
        assert editor(pilot).text == "select emial from enterprise.markets x"
        await write(pilot, "select c.emial from enterprise.customers c", "Tab: email")
        await pilot.press("tab")
        assert editor(pilot).text == "select c.email from enterprise.customers c"
        await pilot.press("tab")
        assert not editor(pilot).has_focus, "with nothing to take, Tab goes on"


async def test_laying_out_is_seen_and_taken_back(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+o", "f")
        await shows(pilot, "Laid out. ^Z takes it back.")
        assert editor(pilot).text == "SELECT\n  id,\n  code\nFROM enterprise.markets"
        await pilot.press("ctrl+z")
        assert editor(pilot).text == MARKETS
        await write(pilot, "select from where", "syntax error")
        await pilot.press("ctrl+o", "f")
        await shows(pilot, "Nothing to lay out")
        assert editor(pilot).text == "select from where"


async def test_several_statements_are_counted_and_each_error_has_its_place(world: World) -> None:
    async with running(world) as pilot:
        await write(
            pilot, f"{MARKETS};\nselect email from enterprise.customers", "2 statements", "▲ email pii", "✓ code"
        )
        await write(pilot, f"{MARKETS};\nselect nope from enterprise.customers", "✗ 2:8 column")


async def test_files_are_opened_and_saved(world: World, tmp_path: Path) -> None:
    (tmp_path / "in.sql").write_text(MARKETS)
    async with running(world, state=tmp_path / "state") as pilot:
        await write(pilot, "select 1", "✓ AUTO")
        await pilot.press("ctrl+o", "o")
        fill(pilot, str(tmp_path / "in.sql"))
        await pilot.press("enter")
        await shows(pilot, "Opened", "✓ code id")
        await pilot.press("ctrl+z")
        assert editor(pilot).text == "select 1"
        await pilot.press("ctrl+o", "w")
        fill(pilot, str(tmp_path / "out.sql"))
        await pilot.press("enter")
        await shows(pilot, "Saved as")
        assert (tmp_path / "out.sql").read_text() == "select 1\n"
        assert (tmp_path / "out.sql").stat().st_mode & 0o777 == 0o600
        await pilot.press("ctrl+o", "w", "enter")
        await shows(pilot, "is there already")
        await pilot.press("escape", "ctrl+o", "o", "x", "enter")
        await shows(pilot, "could not be read")


async def test_what_another_draft_replaces_is_kept(world: World, tmp_path: Path) -> None:
    async with running(world, state=tmp_path) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+j", *"first", "enter")
        await shows(pilot, "approved, to be collected")
        await write(pilot, "select name from enterprise.markets", "✓ name")
        await pilot.press("ctrl+o", "[")
        await until(pilot, lambda: editor(pilot).text == MARKETS, "the older draft")
        await pilot.press("ctrl+o", "]")
        await until(pilot, lambda: editor(pilot).text == "select name from enterprise.markets", "the newer draft")
        await pilot.press("ctrl+o", "h", *"id code")
        await shows(pilot, "mydatabase select id, code from")
        await pilot.press("enter")
        await until(pilot, lambda: editor(pilot).text == MARKETS, "the chosen draft")
    assert {draft.sql for draft in Drafts(tmp_path).recent} >= {"select name from enterprise.markets"}


async def test_what_was_typed_last_outlives_leaving_at_once(world: World, tmp_path: Path) -> None:
    async with running(world, state=tmp_path) as pilot:
        await write(pilot, "select 42")
        await pilot.press("ctrl+q")
    drafts = Drafts(tmp_path)
    assert drafts.current.sql == "select 42"


def test_two_at_once_keep_their_drafts_apart_and_none_is_lost(tmp_path: Path) -> None:
    first, second = Drafts(tmp_path), Drafts(tmp_path)
    first.save(Draft(database="d", sql="select 1"))
    second.save(Draft(database="d", sql="select 2"))
    first.keep(Draft(database="d", sql="select 3"))
    first.close()
    second.close()
    later = Drafts(tmp_path)
    assert later.current.sql == "select 1"
    assert {draft.sql for draft in later.recent} == {"select 2", "select 3"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drafts-2.lock", "drafts.json", "drafts.lock"]
    later.close()


@pytest.mark.parametrize(
    ("presses", "one_shot", "said"),
    [((), None, "one use if it writes"), (("space",), True, "one use only"), (("space",) * 2, False, "until its time")],
)
async def test_for_one_use_or_not(world: World, presses: tuple[str, ...], one_shot: bool | None, said: str) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        pilot.app.screen.query_one("#one-shot").focus()
        await pilot.press(*presses)
        await shows(pilot, said)
        pilot.app.screen.query_one("#reason").focus()
        await pilot.press(*"why", "ctrl+j")
        await shows(pilot, "approved, to be collected")
        assert [draft.one_shot for draft in world.submitted] == [one_shot]


async def test_the_arrows_choose_a_time(world: World) -> None:
    async with running(world) as pilot:
        await write(pilot, MARKETS, "✓ AUTO")
        pilot.app.screen.query_one("#ttl").focus()
        await pilot.press("up", "up")
        await shows(pilot, "1h")
        await pilot.press("down", "down")
        await shows(pilot, "15m")


async def test_the_catalog_has_functions_and_says_what_a_column_is(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "c", "/", *"customers", "enter")
        await pilot.press("j", "j", "l", "j", "j", "j", "j")
        await shows(pilot, "email text ▲pii p0:pii Where invoices go")
        await pilot.press("/", *(["backspace"] * 9), *"rate", "enter", "j", "j")
        await shows(pilot, "ƒ rate(integer, date)", "function rate(integer, date) → numeric")
        await pilot.press("enter")
        assert editor(pilot).text == "enterprise.rate("


async def test_leaving_for_psql_ends_with_it(world: World) -> None:
    app = make_app(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await shows(pilot, "live ✓")
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("ctrl+j", *"why", "enter")
        await shows(pilot, "approved, to be collected")
        (rid,) = world.views
        world.activate(rid)
        await shows(pilot, "● READY")
        await pilot.press("ctrl+o", "x")
        await until(pilot, lambda: app.handover is not None, "the handover")
    assert app.handover is not None
    assert app.handover.access.rid == rid
    assert app.handover.launch.arguments == world.psql_program


async def test_f3_runs_what_was_signed_and_only_that(world: World) -> None:
    async with running(world) as pilot:
        ran: list[dict[str, object]] = []

        async def run(_: tuple[str, ...], **how: object) -> int:
            ran.append(how)
            return 0

        screen = pilot.app.screen
        assert isinstance(screen, WorkScreen)
        screen._run = run
        await write(pilot, MARKETS, "✓ AUTO")
        await pilot.press("f3")
        await shows(pilot, "There is no open access for this very SQL")
        assert world.ran == []
        await pilot.press("ctrl+j", *"why", "enter")
        await shows(pilot, "approved, to be collected")
        (rid,) = world.views
        world.activate(rid)
        await shows(pilot, "● READY")
        await pilot.press("f3")
        await until(pilot, lambda: ran, "psql")
        assert world.ran == [(rid, True)]
        assert ran[0]["pause"] is True
        await write(pilot, "select name from enterprise.markets", "✓ name")
        await pilot.press("f3")
        await shows(pilot, "There is no open access for this very SQL")
        assert len(ran) == 1, screen_text(pilot)


def test_every_line_of_the_help_fits_a_small_terminal() -> None:
    lines = [(key, does) for _, keys in SECTIONS.values() for key, does in keys]
    assert [(key, does) for key, does in lines if len(key) > 18 or len(does) > 50] == []
