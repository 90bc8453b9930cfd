"""Asks the child, one question after another, each with a deadline; a child that misses it is killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from typing import Final

import msgspec

from p0_access.routing.rules import RuleSet
from p0_server.errors import UnavailableError, UnprocessableError
from p0_server.preview.child import MAX_CATALOGS, Question, Rules, frame
from p0_server.preview.draft import Draft, Preview
from p0_server.store.records import StoredCatalog

DEADLINE_SECONDS: Final = 0.25
"""Of the child's own processor time, where the system tells it: a busy machine is no fault of the draft."""

PATIENCE: Final = 20
"""How many times its deadline a child may take by the clock on the wall, if it had little of the processor."""

START_SECONDS: Final = 30.0
"""A new child imports the parser and takes the catalog in before its deadlines count."""

MAX_WAITING: Final = 64

_ENCODER: Final = msgspec.msgpack.Encoder()
_PREVIEW: Final = msgspec.msgpack.Decoder(Preview)


class Previewer:
    """Starts the child when it is first needed, and again after it died."""

    def __init__(self, rules: RuleSet, rules_data: bytes, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._rules = Rules(data=rules_data, source=rules.source)
        self._deadline = deadline
        self._process: Process | None = None
        self._known: OrderedDict[str, None] = OrderedDict()  # as in the child
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def preview(self, draft: Draft, catalog: StoredCatalog) -> Preview:
        """Raises `UnprocessableError` for SQL that takes too long or breaks the parser; `UnavailableError` when too
        many ask."""
        if self._waiting >= MAX_WAITING:
            raise UnavailableError("too many previews are asked for", code="busy", hint="Try again in a moment.")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._preview(draft, catalog)
        finally:
            self._waiting -= 1

    async def use(self, rules: RuleSet, rules_data: bytes) -> None:
        """Other rules, from the next question on."""
        async with self._turn:
            self._rules = Rules(data=rules_data, source=rules.source)
            await self.close()

    async def warm(self) -> None:
        """Starts the child before it is needed; a child that cannot start is the next caller's news."""
        with contextlib.suppress(TimeoutError, OSError, EOFError):
            async with self._turn:
                if self._process is None:
                    await self._start()

    async def close(self) -> None:
        """Ends the child; `preview` would start another."""
        process, self._process = self._process, None
        self._known.clear()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _preview(self, draft: Draft, catalog: StoredCatalog) -> Preview:
        try:
            if self._process is None or self._process.returncode is not None:
                await self._start()
            key = f"{catalog.agent} {catalog.database} {catalog.version}"
            if key not in self._known:
                await self._ask(_ENCODER.encode(Question(key=key, catalog=catalog.catalog)), START_SECONDS)
                self._known[key] = None
                if len(self._known) > MAX_CATALOGS:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return _PREVIEW.decode(await self._ask(_ENCODER.encode(Question(key=key, draft=draft)), self._deadline))
        except BaseException as error:
            await self.close()  # whatever it was about to say must not be taken for the next answer
            if isinstance(error, TimeoutError):
                problem = f"reading it takes longer than {self._deadline:g} s"
            elif isinstance(error, OSError | EOFError):
                problem = "it breaks the parser"
            else:
                raise
            raise UnprocessableError(
                f"the SQL cannot be read: {problem}", code="unreadable_sql", hint="Split it into smaller statements."
            ) from error

    async def _start(self) -> None:
        await self.close()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "p0_server.preview.child",
            stdin=PIPE,
            stdout=PIPE,
            env={"PATH": os.environ.get("PATH", "")},
            start_new_session=True,  # a terminal's Ctrl-C is for the server, which ends its child itself
        )
        await self._ask(_ENCODER.encode(self._rules), START_SECONDS)

    async def _ask(self, body: bytes, seconds: float) -> bytes:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("a child has pipes")
        exchange = asyncio.ensure_future(_exchange(process.stdin, process.stdout, body))
        begun = _processor_seconds(process.pid)
        try:
            for _ in range(PATIENCE):
                done, _pending = await asyncio.wait({exchange}, timeout=seconds)
                if done:
                    return exchange.result()
                used = _processor_seconds(process.pid)
                if begun is None or used is None or used - begun >= seconds:
                    break
            raise TimeoutError
        finally:
            exchange.cancel()


async def _exchange(questions: asyncio.StreamWriter, answers: asyncio.StreamReader, body: bytes) -> bytes:
    questions.write(frame(body))
    await questions.drain()
    length = int.from_bytes(await answers.readexactly(4), "big")
    return await answers.readexactly(length)


def _processor_seconds(pid: int) -> float | None:
    """The processor time that a process has had, from its CPU clock (clock_getcpuclockid(3)); None where there is
    none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return None
