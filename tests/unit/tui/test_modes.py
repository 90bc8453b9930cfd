"""Mine, History, and what is the same everywhere: jumps, help, palette, sizes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.worker import WorkerFailed

import p0_tui.modes.mine
from fix_tui import AGENT, DANA, GROUPS, MARA, NOW, World, make_app, running, screen_text, shows, until
from p0_access.messages.records import Deletion, DroppedSet
from p0_access.messages.views import RequestView, State
from p0_access.proof import jws
from p0_tui.backend import Draft
from p0_tui.screens.choose_database import ChooseDatabaseScreen
from p0_tui.screens.work import WorkScreen
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.header import HeaderBar
from p0_tui.widgets.key_hints import KeyHints

MARKETS = "select id, code from enterprise.markets"
EMAILS = "select email from enterprise.customers"


def mine(world: World, sql: str = MARKETS, *, ttl: int | None = None) -> RequestView:
    return world.ask(Draft(database="mydatabase", sql=sql, reason="it's for reports", ttl=ttl), DANA, GROUPS)


def focused(pilot: Pilot[None]) -> str | None:
    widget = pilot.app.focused
    return None if widget is None else widget.id


# --- Mine


async def test_mine_lists_states_and_countdowns(world: World) -> None:
    mine(world, EMAILS)
    world.activate(mine(world).rid)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "2")
        await shows(pilot, "⏳ 41:12 mydatabase", "● pending", "⏳ 41:12 left F2 opens psql", "it's for reports")


async def test_enter_and_f2_open_psql_on_the_chosen_access(world: World) -> None:
    access = world.activate(mine(world).rid)
    pending = mine(world, EMAILS)
    async with running(world) as pilot:
        opened: list[str] = []

        async def run(*_: object, **__: object) -> int:
            opened.append("psql")
            return 0

        assert isinstance(pilot.app.screen, WorkScreen)
        pilot.app.screen._run = run
        await pilot.press("ctrl+o", "2")
        await shows(pilot, pending.rid)
        await pilot.press("f2")
        await shows(pilot, "No open access")
        await pilot.press("j")
        await shows(pilot, access.rid)
        await pilot.press("enter")
        await until(pilot, lambda: opened == ["psql"], "Enter")
        await pilot.press("f2")
        await until(pilot, lambda: opened == ["psql", "psql"], "F2")


async def test_giving_back_takes_d_twice_on_the_same_line(world: World) -> None:
    access = world.activate(mine(world).rid)
    mine(world, EMAILS)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "2", "j")
        await shows(pilot, access.rid)
        await pilot.press("d")
        await shows(pilot, f"d again to give back {access.rid} on mydatabase.")
        await pilot.press("k", "j", "d")
        assert world.given_back == []
        await pilot.press("d")
        await shows(pilot, "○ relinquished")
        assert world.given_back == [access.rid]
        await pilot.press("d")
        await shows(pilot, f"{access.rid} is over already.")


async def test_a_second_d_that_comes_late_is_a_first_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p0_tui.modes.mine, "SECOND_KEY_SECONDS", 0.01)
    access = world.activate(mine(world).rid)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "2")
        await shows(pilot, access.rid)
        await pilot.press("d")
        await pilot.pause(0.05)
        await pilot.press("d")
        assert world.given_back == []


async def test_the_command_is_copied_and_saved_quoted(world: World, tmp_path: Path) -> None:
    mine(world, ttl=1800)
    async with running(world, (140, 36), state=tmp_path) as pilot:
        await pilot.press("ctrl+o", "2")
        await shows(pilot, "asked for 30m")
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard, "copied")
        assert shlex.split(pilot.app.clipboard) == [
            *("p0", "psql", "-d", "mydatabase", "-c", MARKETS, "--reason", "it's for reports", "--ttl", "30m")
        ]
        saved = tmp_path / "copied.txt"
        assert saved.read_text() == pilot.app.clipboard + "\n"
        assert saved.stat().st_mode & 0o777 == 0o600


async def test_e_puts_the_same_into_the_editor(world: World) -> None:
    mine(world)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "2")
        await shows(pilot, "request r-8f210001")
        await pilot.press("e")
        await until(pilot, lambda: focused(pilot) == "editor", "back in the editor")
        assert pilot.app.screen.query_one(Editor).text == MARKETS


async def test_an_empty_list_says_what_to_do(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "2")
        await shows(pilot, "Nothing yet. Write SQL in mode 1 and submit it with ^J.")
        await pilot.press("enter", "d", "y", "e", "f2")
        await shows(pilot, "No open access")


# --- History


async def test_history_filters_and_shows_the_evidence(world: World) -> None:
    ended = world.activate(mine(world).rid)
    receipt = Deletion(
        rh=jws.record_hash(ended.request),
        login="p0_dana_x1",
        set=DroppedSet(name="p0_set", dropped=True),
        at=NOW,
        cause="expired",
        residue=(),
    )
    world.move(ended.rid, State.ENDED, "ended", end_cause="expired", deletion=jws.sign(receipt, AGENT))
    world.ask(Draft(database="mydatabase", sql=EMAILS, reason="other"), MARA, GROUPS)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "4")
        await shows(pilot, "mara@corp.example", "○ expired")
        await pilot.press("slash", *"markets")
        await until(pilot, lambda: "mara@corp.example" not in screen_text(pilot), "filtered")
        await shows(
            pilot,
            "✓ ended",
            "admission signed by the agent",
            "deletion p0_dana_x1 expired: nothing is left",
            f"agent {AGENT.public.thumbprint}",
        )
        await pilot.press(*"zzz")
        await shows(pilot, "nothing matches")
        await pilot.press("escape")
        await shows(pilot, "mara@corp.example")


# --- everywhere


@pytest.mark.parametrize(
    ("key", "focus"), [("c", "catalog"), ("q", "editor"), ("r", "reason"), ("p", "permissions"), ("s", "status")]
)
async def test_jumps_reach_every_pane_from_the_editor(world: World, key: str, focus: str) -> None:
    async with running(world) as pilot:
        assert focused(pilot) == "editor"
        await pilot.press("ctrl+o", key)
        await until(pilot, lambda: focused(pilot) == focus, focus)


async def test_a_label_may_be_typed_before_the_labels_are_drawn(world: World) -> None:
    """And more keys than that end nothing twice."""
    async with running(world) as pilot:
        for keys, expected in (("ctrl+o 2", "▸2 Mine"), ("ctrl+o z z 3", "▸2 Mine"), ("ctrl+o 3", "▸3 Inbox")):
            for key in keys.split():
                pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await pilot.pause()
            await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")
            await shows(pilot, expected)
        for key in ("f1", "escape", "escape"):
            pilot.app.post_message(events.Key(key, None))
        await pilot.pause()
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")


async def test_bare_digits_change_modes_outside_editors_and_are_text_inside(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("4")
        assert pilot.app.screen.query_one(Editor).text == "4"
        await pilot.press("ctrl+o", "c", "2")
        await shows(pilot, "▸2 Mine")
        await pilot.press("3")
        await shows(pilot, "▸3 Inbox")
        await pilot.click(HeaderBar, offset=(screen_text(pilot).splitlines()[0].index("4 History"), 0))
        await shows(pilot, "▸4 History")
        await pilot.click(HeaderBar, offset=(5, 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseDatabaseScreen), "the databases")


async def test_what_is_wrong_is_whole_where_the_header_is_too_narrow(world: World) -> None:
    world.name, world.agent_online = "a-database-with-quite-a-long-name", False
    world.activate(mine(world).rid)
    async with running(world, (80, 24)) as pilot:
        await shows(pilot, "… agent ✗ away live ✓")
        world.go_offline()
        await until(pilot, lambda: screen_text(pilot).splitlines()[0].endswith("✗ offline"), "that it is offline")
        assert "agent" not in screen_text(pilot).splitlines()[0]


async def test_a_toast_is_not_shown_twice_when_a_dialog_opens(world: World) -> None:
    async with running(world) as pilot:
        pilot.app.notify("noticed", markup=False)
        await shows(pilot, "noticed")
        await pilot.press("f1")
        await shows(pilot, "submit; also Enter in the reason", "noticed")
        assert pilot.app.export_screenshot().count("noticed") == 1


async def test_an_unknown_jump_does_nothing(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "z")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "back")
        assert focused(pilot) == "editor"
        assert pilot.app.screen.query_one(Editor).text == ""


async def test_f6_goes_round_the_panes(world: World) -> None:
    async with running(world) as pilot:
        seen = []
        for _ in range(5):
            await pilot.press("f6")
            seen.append(focused(pilot))
        assert seen == ["reason", "permissions", "status", "catalog", "editor"]


@pytest.mark.parametrize(
    ("mode", "hint", "there"),
    [
        ("1", "^J submit", "Nothing to submit: write some SQL first."),
        ("2", "d d give back", "d again to withdraw"),
        ("3", "A approve", "Approve: mara@corp.example"),
        ("3", "Space mark", "■ ● pending"),
        ("4", "x export", "Export 2 requests"),
        ("4", "F1 help", "submit; also Enter in the reason"),
    ],
)
async def test_a_click_on_a_hint_is_its_key(world: World, mode: str, hint: str, there: str) -> None:
    world.ask(Draft(database="mydatabase", sql=EMAILS, reason="mine"), DANA, GROUPS)
    world.ask(Draft(database="mydatabase", sql=EMAILS, reason="theirs"), MARA, GROUPS)
    async with running(world) as pilot:
        await pilot.press("ctrl+o", mode)
        await shows(pilot, hint)
        if mode == "3":
            await shows(pilot, "✓ verified")
        await pilot.click(KeyHints, offset=(screen_text(pilot).splitlines()[-1].index(hint), 0))
        await shows(pilot, there)


async def test_help_starts_with_where_one_is_and_can_be_searched(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "3", "question_mark")
        await shows(pilot, "Inbox: what waits for your decision")
        await pilot.press(*"withdraw")
        await shows(pilot, "d d give the access back, or withdraw the request")
        assert "Inbox: what waits" not in screen_text(pilot)
        await pilot.press("escape")
        await shows(pilot, "▸3 Inbox")


async def test_the_palette_has_the_commands_with_their_keys(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"open psql")
        await shows(pilot, "On the access that is ready (F2)")
        await pilot.press("ctrl+a", "ctrl+k", *"switch theme", "enter")
        await until(pilot, lambda: not pilot.app.current_theme.dark, "the light theme")


async def test_choosing_another_database(world: World) -> None:
    async with running(world) as pilot:
        await pilot.press("ctrl+o", "d")
        await shows(pilot, "agent ✓")
        await pilot.press(*"nothing")
        await shows(pilot, "no such database")
        await pilot.press(*["backspace"] * 7, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkScreen), "chosen")
        await shows(pilot, "p0 mydatabase ▾")


async def test_below_60_by_18_it_says_so(world: World) -> None:
    async with running(world) as pilot:
        for size in ((59, 30), (100, 17)):
            await pilot.resize_terminal(*size)
            await shows(pilot, "enlarge the terminal, or use p0 request")
            assert "Permissions" not in screen_text(pilot)
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "Permissions")


async def test_at_80_by_24_the_catalog_is_an_overlay_and_the_status_a_tab(world: World) -> None:
    async with running(world, (80, 24)) as pilot:
        assert "Catalog" not in screen_text(pilot)
        await pilot.press("ctrl+b")
        await shows(pilot, "enterprise")
        assert focused(pilot) == "catalog"
        await pilot.press("ctrl+b")
        await until(pilot, lambda: "▾ enterprise" not in screen_text(pilot), "closed")
        assert focused(pilot) == "editor"
        await pilot.press("ctrl+o", "s")
        await shows(pilot, "^J submits. What happens then is shown here.")
        await pilot.press("ctrl+o", "p")
        await shows(pilot, "What your SQL needs appears here")
        hints = screen_text(pilot).splitlines()[-1]
        assert hints.rstrip().endswith("^P commands  F1 help")


async def test_without_colours_focus_still_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(world) as pilot:
        assert pilot.app.no_color
        await shows(pilot, "▸Query [q]")
        assert "┏" in screen_text(pilot)
        await pilot.press("ctrl+o", "c")
        await shows(pilot, "▸Catalog [c]")
        assert "▸Query" not in screen_text(pilot)


async def test_leaving_keeps_the_draft_and_closes_the_backend(world: World) -> None:
    closed = []

    async def close() -> None:
        closed.append(True)

    world.close = close  # type: ignore[method-assign]
    app = make_app(world)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+q")
    assert closed == [True]


async def test_a_crash_tells_where_and_no_secret(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        password = "hunter2"  # a local variable of a frame in the traceback
        raise RuntimeError(f"no \x1b[2J luck {len(password)}")

    world.me = broken  # type: ignore[assignment]
    with pytest.raises(WorkerFailed):
        async with make_app(world).run_test() as pilot:
            await until(pilot, lambda: not pilot.app.is_running, "stopped")
    said = capsys.readouterr().err
    assert "RuntimeError: no ⟨U+001B⟩[2J luck 7" in said
    assert "The draft is kept." in said
    assert "hunter2" not in said.replace('password = "hunter2"', "")
    assert "\x1b[2J" not in said


async def test_leaving_while_the_server_is_being_talked_to(world: World) -> None:
    """Textual raises here what a worker meets when its widgets are gone."""
    for leave_when in range(5):
        world.come_back()
        async with running(world) as pilot:
            pilot.app.screen.query_one(Editor).text = f"{MARKETS} limit {leave_when}"
            world.go_offline()
            await pilot.pause(leave_when * 0.03)


async def test_a_mode_may_be_wanted_before_it_is_there(world: World) -> None:
    async with make_app(world).run_test(size=(120, 36)) as pilot:
        await pilot.press("ctrl+o", "4")
        await shows(pilot, "▸4 History", "Nothing has happened yet.")
