"""The guided tour: what an engineer, an approver and the database see, run with the real commands.

Each step is a `p0` of its own, as somebody would type it. What it prints is the tour; words in between go to stderr.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from asyncio.subprocess import PIPE
from typing import Final

import msgspec

from p0_access.errors import P0Error
from p0_demo.identity_provider import User
from p0_demo.stage import DANA, DATABASE, PAT, Stage

REASON: Final = "Generating reports"
MARKETS: Final = "select * from enterprise.markets"
EMAILS: Final = "select name, email from enterprise.customers order by name limit 5"
LEDGER: Final = "delete from ledger.entries"
EX_DENIED: Final = 77


class DemoError(P0Error):
    """A step of the tour did not do what it should."""


class _Summary(msgspec.Struct, frozen=True, kw_only=True):
    rid: str
    state: str


class Tour:
    """`walk` once, on a stage that is up."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def walk(self) -> None:
        """Raises `DemoError` as soon as a step fails."""
        say("Signing in an engineer (dana) and somebody from privacy (pat)")
        await self._p0(DANA, "login", "--insecure-storage")
        await self._p0(PAT, "login", "--insecure-storage")
        say("Dana runs a query. The rules let analysts read the markets: no person is asked")
        await self._p0(DANA, "psql", "-d", DATABASE, "-c", MARKETS, "--reason", REASON)
        say("Customers' addresses are personal data: somebody from privacy must approve. Dana waits …")
        asking = asyncio.create_task(self._p0(DANA, "psql", "-d", DATABASE, "-c", EMAILS, "--reason", REASON))
        try:
            rid = await self._next_to_review(asking)
            say("… and in another terminal Pat reviews what is really signed, and approves")
            await self._p0(PAT, "approve", rid, "--yes")
            await asking
        finally:
            asking.cancel()
        say("Writing to the ledger is denied, and says why")
        await self._p0(DANA, "psql", "-d", DATABASE, "-c", LEDGER, "--reason", REASON, expected=EX_DENIED)
        await self._end()

    async def _next_to_review(self, asking: asyncio.Task[None]) -> str:
        """The request that waits for Pat. Fails with the asking command, if that fails first."""
        while not asking.done():
            listed = await self._output(PAT, "requests", "--to-review", "--json")
            waiting = [row for row in msgspec.json.decode(listed, type=list[_Summary]) if row.state == "pending"]
            if waiting:
                return waiting[0].rid
            await asyncio.sleep(0.2)
        await asking
        raise DemoError("nobody was asked", code="demo_not_asked")

    async def _end(self) -> None:
        leases = await self._stage.leases()
        say(f"Just now PostgreSQL has these for Dana: {', '.join(leases)}. She gives them back")
        listed = await self._output(DANA, "requests", "--mine", "--json")
        for row in msgspec.json.decode(listed, type=list[_Summary]):
            if row.state == "active":
                await self._p0(DANA, "relinquish", row.rid)
        left = await self._stage.leases()
        if left:
            raise DemoError(f"left in the database: {', '.join(left)}", code="demo_residue")
        say("Nothing is left in the database: no login, no role, no grant")
        await self._p0(DANA, "requests", "--mine")

    async def _p0(self, person: User, *arguments: str, expected: int = 0) -> None:
        sys.stderr.write(f"\n{person.sub}$ p0 {shlex.join(arguments)}\n")
        sys.stderr.flush()
        process = await self._start(person, arguments, stdout=None)
        status = await self._wait(process)
        if status != expected:
            raise DemoError(f"p0 {arguments[0]} ended with status {status}, not {expected}", code="demo_step_failed")

    async def _output(self, person: User, *arguments: str) -> bytes:
        process = await self._start(person, arguments, stdout=PIPE)
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise DemoError(f"p0 {arguments[0]} ended with status {process.returncode}", code="demo_step_failed")
        return output

    async def _start(
        self, person: User, arguments: tuple[str, ...], *, stdout: int | None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "p0_launcher",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            env=self._stage.environment(person) | {"PAGER": "", "PSQLRC": os.devnull},
        )

    @staticmethod
    async def _wait(process: asyncio.subprocess.Process) -> int:
        try:
            return await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise


def say(text: str) -> None:
    """A word in between, to stderr."""
    sys.stderr.write(f"\n── {text}\n")
    sys.stderr.flush()
