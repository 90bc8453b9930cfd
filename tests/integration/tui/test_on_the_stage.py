"""The terminal UI over the real launcher, server, agent and PostgreSQL: an engineer and an approver side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from fix_tui import at_the_screen, screen_text, shows, until
from p0_access.errors import P0Error
from p0_demo.stage import PEOPLE, Stage
from p0_launcher.profile import load
from p0_tui.app import P0App
from p0_tui.launcher_backend import LauncherBackend
from p0_tui.screens.work import WorkScreen
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.safe_input import SafeInput

pytestmark = pytest.mark.asyncio(loop_scope="session")

DANA, PAT = PEOPLE[0], PEOPLE[1]


class Psql:
    """Stands for the terminal: runs the program that the application hands it, with SQL instead of a keyboard."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self.out = ""
        self.arguments: tuple[str, ...] = ()
        self.environment: Mapping[str, str] = {}

    async def __call__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], descriptors: Sequence[int], pause: bool
    ) -> int:
        assert not pause, "it waits for nobody"
        self.arguments, self.environment = tuple(argv), environment
        child = await asyncio.create_subprocess_exec(
            *argv,
            "-X",
            "-Atc",
            self._sql,
            env=dict(environment),
            pass_fds=tuple(descriptors),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await child.communicate()
        self.out = out.decode()
        return child.returncode or 0


class Signed:
    """Stands for the terminal, too: runs exactly what it is handed, and keeps what came out."""

    def __init__(self) -> None:
        self.out = ""

    async def __call__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], descriptors: Sequence[int], pause: bool
    ) -> int:
        assert pause, "what it printed has to stay until Enter"
        child = await asyncio.create_subprocess_exec(
            *argv, env=dict(environment), pass_fds=tuple(descriptors), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        self.out += out.decode()
        return child.returncode or 0


async def test_draft_approve_psql_and_give_back(stage: Stage) -> None:
    async with at_the_screen(stage, DANA) as dana, at_the_screen(stage, PAT) as pat:
        screen = dana.app.screen
        assert isinstance(screen, WorkScreen)
        psql = screen._run = Psql("select count(email) from enterprise.customers")
        screen.query_one(Editor).text = "select email from enterprise.customers where id < 10"
        await shows(dana, "▲ NEEDS APPROVAL 1 of privacy", "▲ email pii 1 of privacy", "✓ id auto")
        await dana.press("ctrl+j", *"INC-1", "enter")
        await shows(dana, "waiting for approval · privacy 0/1")

        await shows(pat, "To review: dana@demo.example on mydatabase, INC-1")
        await pat.press("ctrl+o", "3")
        await shows(pat, "✓ verified", "who dana@demo.example", "reason INC-1", "! pii: customers.email")
        await pat.press("A", *"seen", "enter")
        await shows(pat, "You approved r-")

        await shows(dana, "✓ ready", "● READY r-", "F2 psql on mydatabase")
        assert psql.arguments == (), "psql was opened unasked"
        await dana.press("f2")
        await until(dana, lambda: psql.out, "psql's answer")
        assert psql.out.strip().isdigit(), psql.out
        assert not any("PASSWORD" in name for name in psql.environment)

        await dana.press("ctrl+o", "2")
        await until(dana, lambda: "⏳" in screen_text(dana), "the access")
        await dana.press("d")
        await shows(dana, "d again to give back")
        await dana.press("d")
        await shows(dana, "○ relinquished")
        await dana.press("ctrl+o", "4")
        await shows(dana, "nothing is left")


async def test_what_the_rules_deny_is_said_before_and_after(stage: Stage) -> None:
    async with at_the_screen(stage, DANA) as dana:
        dana.app.screen.query_one(Editor).text = "delete from ledger.entries"
        await shows(dana, "✗ DENIED", "Open a migration instead")
        await dana.press("ctrl+j", *"INC-2", "enter")
        await shows(dana, "The rules say no to this")
        await dana.press("enter")
        await shows(dana, "✗ denied")


async def test_the_server_away_is_said_and_drafting_goes_on(stage: Stage) -> None:
    environment = stage.environment(DANA) | {"P0_SERVER": "http://127.0.0.1:1"}
    app = P0App(LauncherBackend(load(environ=environment)), clock=time.time, state=None)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "✗ offline", "Offline, trying again: the server at http://127.0.0.1:1 does not answer")
        await pilot.press(*"select 1")
        assert app.screen.query_one(Editor).text == "select 1"


async def test_nobody_signed_in_is_told_how_over_the_draft(stage: Stage, tmp_path: Path) -> None:
    profile = msgspec.structs.replace(load(environ=stage.environment(DANA)), path=tmp_path / "config.toml")
    app = P0App(LauncherBackend(profile), clock=time.time, state=None)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "Sign in again", "you are not signed in", "Sign in: p0 login")


async def test_the_signed_sql_is_run_and_the_access_is_had_longer(stage: Stage) -> None:
    async with at_the_screen(stage, DANA) as dana:
        screen = dana.app.screen
        assert isinstance(screen, WorkScreen)
        psql = screen._run = Signed()
        screen.query_one(Editor).text = "select 'rows: ' || count(code) from enterprise.markets"
        await shows(dana, "✓ AUTO")
        screen.query_one("#ttl", SafeInput).value = "5m"
        await dana.press("ctrl+j", *"INC-3", "enter")
        await shows(dana, "● READY r-", "F2 psql on mydatabase")
        await dana.press("f3")
        await until(dana, lambda: "rows: " in psql.out, "psql's answer")

        await dana.press("ctrl+o", "2")
        await shows(dana, "asked for 5m")
        await dana.press("e")
        await shows(dana, "It lasts 5m from its start.")
        await dana.press("enter")
        await shows(dana, "is extended: 09:")
        await until(dana, lambda: "⏳ 09:" in screen_text(dana), "the new countdown")
        await dana.press("d", "d")
        await shows(dana, "○ relinquished")


async def test_what_an_approver_strikes_is_told_to_who_asked(stage: Stage) -> None:
    async with at_the_screen(stage, DANA) as dana, at_the_screen(stage, PAT) as pat:
        dana.app.screen.query_one(Editor).text = "select phone, id from enterprise.customers where id < 3"
        await shows(dana, "▲ NEEDS APPROVAL 1 of privacy")
        await dana.press("ctrl+j", *"INC-4", "enter")
        await shows(dana, "waiting for approval")
        await shows(pat, "To review: dana@demo.example on mydatabase, INC-4")
        await pat.press("ctrl+o", "3")
        await shows(pat, "✓ verified", "reason INC-4")
        await pat.press("n")
        await shows(pat, "✓ SELECT (phone) on enterprise.customers")
        await pat.press("j", "space", "enter")
        await shows(pat, "less than was asked for:", "✗ SELECT (phone) on enterprise.customers")
        await pat.press("A", "enter")
        await shows(pat, "it is needs changes")
        await shows(dana, "✗ needs changes", "an approver took away what it needs: SELECT (phone)")


async def test_the_last_catalog_serves_for_drafting_while_the_server_is_away(stage: Stage, tmp_path: Path) -> None:
    profile = load(environ=stage.environment(DANA))
    there = LauncherBackend(profile, cache=tmp_path)
    await there.catalog("mydatabase")
    await there.close()
    away = msgspec.structs.replace(profile, server="http://127.0.0.1:1")
    app = P0App(LauncherBackend(away, cache=tmp_path), clock=time.time, state=None, database="mydatabase")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await shows(pilot, "✗ offline", "customers")
        app.screen.query_one(Editor).text = "select email from enterprise.customers"
        await shows(pilot, "? UNKNOWN", "SELECT enterprise.customers")
    untrusting = msgspec.structs.replace(away, agents=("A" * 43,))
    with pytest.raises(P0Error, match="trust"):
        await LauncherBackend(untrusting, cache=tmp_path).catalog("mydatabase")
