"""The real `p0 tui` in real terminals (tmux): an engineer and an approver side by side, from a draft to rows."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from fix_stage import finish
from fix_tools import require_program
from p0_demo.identity_provider import User
from p0_demo.stage import DANA, DATABASE, PAT, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECONDS = 30.0
EMAILS = "select email from enterprise.customers where id = 7"


class Terminals:
    """One tmux server of this test's own, which ends with it."""

    def __init__(self, socket: Path) -> None:
        self._program = require_program("tmux")
        self._socket = socket

    async def command(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *("-S", str(self._socket), "-f", os.devnull, "-u"),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        ran = await finish(process)
        assert ran.status == 0, (arguments, ran.err)
        return ran.out


class Terminal:
    """One person's terminal: a keyboard, and what stands on the screen."""

    def __init__(self, terminals: Terminals, name: str) -> None:
        self._command = terminals.command
        self._name = name

    async def type(self, text: str) -> None:
        literally = text[:-1] + r"\;" if text.endswith(";") else text  # a `;` at the end would be tmux's own
        await self._command("send-keys", "-t", self._name, "-l", literally)

    async def press(self, *keys: str) -> None:
        """Keys by tmux's names: `C-j`, `Enter`, `F2`."""
        await self._command("send-keys", "-t", self._name, *keys)

    async def screen(self) -> str:
        return await self._command("capture-pane", "-p", "-t", self._name)

    async def shows(self, *patterns: str) -> str:
        """The screen, as soon as every pattern is on it."""
        limit = time.monotonic() + SECONDS
        while True:
            screen = await self.screen()
            if all(re.search(pattern, screen) for pattern in patterns):
                return screen
            assert time.monotonic() < limit, f"{self._name}: no {patterns} within {SECONDS} s on\n{screen}"
            await asyncio.sleep(0.05)


Open = Callable[[User, tuple[int, int]], Awaitable[Terminal]]


@pytest_asyncio.fixture(loop_scope="session")
async def at_a_terminal(stage: Stage, tmp_path: Path) -> AsyncIterator[Open]:
    """`await at_a_terminal(person, size)` is a terminal in which a shell runs `p0 tui`."""
    async with _terminals(tmp_path) as terminals:

        async def open_(person: User, size: tuple[int, int]) -> Terminal:
            mine = {
                name: value
                for name, value in stage.environment(person).items()
                if name not in os.environ or os.environ[name] != value
            }
            mine |= {"XDG_STATE_HOME": str(tmp_path / person.sub), "PSQLRC": os.devnull}
            variables = [part for name, value in mine.items() for part in ("-e", f"{name}={value}")]
            width, height = map(str, size)
            p0 = shlex.quote(str(Path(sys.executable).with_name("p0")))
            # Some shells end once what they ran has ended, if a ^C came meanwhile, even one that it was for.
            run = f"trap : INT; unset COLUMNS LINES; {p0} tui; echo left with $?; exec sleep 3600"
            await terminals.command("new-session", "-d", "-s", person.sub, "-x", width, "-y", height, *variables, run)
            terminal = Terminal(terminals, person.sub)
            await terminal.shows("live ✓")
            return terminal

        yield open_


@asynccontextmanager
async def _terminals(directory: Path) -> AsyncIterator[Terminals]:
    terminals = Terminals(directory / "tmux")
    await terminals.command("new-session", "-d", "-s", "keeper", "sleep 3600")
    try:
        yield terminals
    finally:
        await terminals.command("kill-server")


async def _sleeps(stage: Stage) -> None:
    """Waits until somebody's session is in pg_sleep."""
    asleep = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE wait_event = 'PgSleep' AND usename LIKE 'p0%'"
    async with (
        asyncio.timeout(SECONDS),
        await psycopg.AsyncConnection.connect(**stage.postgres.superuser(DATABASE), autocommit=True) as connection,
    ):
        while True:
            if await (await connection.execute(asleep)).fetchone() != (0,):
                return
            await asyncio.sleep(0.05)


async def test_draft_approve_psql_and_rows_in_two_terminals(stage: Stage, at_a_terminal: Open) -> None:
    dana, pat = await asyncio.gather(at_a_terminal(DANA, (120, 40)), at_a_terminal(PAT, (80, 24)))

    await dana.shows("mydatabase", r"customers")
    await dana.type(EMAILS)
    await dana.shows("▲ NEEDS APPROVAL", "1 of privacy", r"▲ email  pii")
    await dana.press("C-j")
    await dana.shows("Why do you need it")
    await dana.type("INC-4411")
    await dana.press("Enter")
    await dana.shows("waiting for approval")

    await pat.press("C-o")
    await pat.shows("jump")
    await pat.press("3")
    await pat.shows("✓ verified", "dana@demo.example", r"pii: customers\.email")
    await pat.press("A")
    await pat.shows("Approve: dana@demo.example may run")
    await pat.type("seen the ticket")
    await pat.press("Enter")
    await pat.shows("You approved r-")

    await dana.shows(r"● READY r-\w{8}  F2 psql on mydatabase")
    await dana.press("F2")
    await dana.shows(r"p0:mydatabase until \d\d:\d\d=>")
    await dana.type(f"{EMAILS};")
    await dana.press("Enter")
    await dana.shows(r"\S+@\S+\n\(1 row\)")
    await dana.type("select pg_sleep(600);")
    await dana.press("Enter")
    await _sleeps(stage)
    await dana.press("C-c")
    await dana.shows("canceling statement due to user request")
    await dana.type("select phone from enterprise.customers;")
    await dana.press("Enter")
    await dana.shows("permission denied for table customers")
    await dana.type(r"\q")
    await dana.press("Enter")
    await dana.shows("● READY", "select email from", "INC-4411")

    await dana.press("C-q")
    shell = await dana.shows("left with 0")
    assert "Traceback" not in shell
    await pat.press("C-q")
    await pat.shows("left with 0")
