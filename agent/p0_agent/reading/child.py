"""The kernel's reading in a process that may die.

The parser is a C library and its input is hostile: a crash or a loop must cost a statement, never the agent. The child
holds no secret and no connection; it is given catalogs and texts, answers readings, and is killed at the deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Final

import msgspec

from p0_access.encoding import encode
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.reading import Reading, Refused, StatementReading
from p0_agent.errors import AgentError
from p0_agent.reading.piece import Piece

if TYPE_CHECKING:
    from p0_agent.reading.cutting import Cutter

DEADLINE_SECONDS: Final = 0.25
"""Of the child's own processor time, where the system tells it: a busy machine is no fault of the statement."""

PATIENCE: Final = 20
"""How many times its deadline a child may take by the clock on the wall, if it had little of the processor."""

START_SECONDS: Final = 30.0
"""A new child imports the parser, and is given the catalog, before its deadlines count."""


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    """`catalog`, as JSON, is sent once for each version; texts are read in order, their statements numbered through."""

    version: str
    catalog: bytes | None = None
    texts: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel's reading of one statement, and what of it PostgreSQL can be asked (None: that cannot be told)."""

    reading: StatementReading | Refused
    piece: Piece | None


_ENCODER: Final = msgspec.msgpack.Encoder()
_QUESTION: Final = msgspec.msgpack.Decoder(_Question)
_ANSWER: Final = msgspec.msgpack.Decoder(tuple[Understood, ...])


class ReadingChild:
    """One child, started when first needed and again after it died. Questions are asked one at a time."""

    def __init__(self, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._deadline = deadline
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._known = ""
        self._turn = asyncio.Lock()

    async def read(self, texts: tuple[str, ...], catalog: Catalog, search_path: tuple[str, ...]) -> Reading:
        """The readings of all statements in `texts`. A text that kills the child or takes too long is refused."""
        return tuple(each.reading for each in await self.understand(texts, catalog, search_path))

    async def understand(
        self, texts: tuple[str, ...], catalog: Catalog, search_path: tuple[str, ...]
    ) -> tuple[Understood, ...]:
        """As `read`, with what PostgreSQL can be asked of each statement."""
        async with self._turn:
            if self._process is None or not self._process.is_alive():
                await self._start()
            if self._known != catalog.version:
                await self._ask(_Question(version=catalog.version, catalog=encode(catalog)), START_SECONDS)
                self._known = catalog.version
            question = _Question(version=catalog.version, texts=texts, search_path=search_path)
            return _ANSWER.decode(await self._ask(question, self._deadline))

    async def close(self) -> None:
        """Ends the child; `read` would start another."""
        process, self._process, self._known = self._process, None, ""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.join)

    async def _start(self) -> None:
        await self.close()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), name="p0-reading", daemon=True)
        await asyncio.to_thread(process.start)
        theirs.close()
        self._process, self._pipe = process, ours
        await self._answer(START_SECONDS)

    async def _ask(self, question: _Question, seconds: float) -> bytes:
        if self._pipe is None:
            raise RuntimeError("a child has a pipe")
        with contextlib.suppress(OSError):  # a dead child shows in the answer
            await asyncio.to_thread(self._pipe.send_bytes, _ENCODER.encode(question))
        return await self._answer(seconds)

    async def _answered(self, seconds: float) -> bool:
        """Whether an answer comes before the child has had `seconds` of processor time, and a good while has passed."""
        if self._pipe is None or self._process is None or self._process.pid is None:
            raise RuntimeError("a child that was asked runs")
        pid = self._process.pid
        begun = _processor_seconds(pid)
        for _ in range(PATIENCE):
            if await asyncio.to_thread(self._pipe.poll, seconds):
                return True
            used = _processor_seconds(pid)
            if begun is None or used is None or used - begun >= seconds:
                return False
        return False

    async def _answer(self, seconds: float) -> bytes:
        if self._pipe is None:
            raise RuntimeError("a child has a pipe")
        try:
            if await self._answered(seconds):
                return self._pipe.recv_bytes()
            problem = f"reading it takes longer than {seconds:g} s"
        except (EOFError, OSError):
            problem = "it breaks the parser"
        except asyncio.CancelledError:
            await self.close()  # its late answer must not be taken for the next one's
            raise
        await self.close()
        raise AgentError(
            f"the SQL cannot be read: {problem}", code="unreadable_sql", hint="Split it into smaller statements."
        )


def _processor_seconds(pid: int) -> float | None:
    """The processor time that a process has had, from its CPU clock (clock_getcpuclockid(3)); None where there is
    none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return None


def _serve(pipe: Connection) -> None:
    """The child: reads until its parent lets go of the pipe."""
    import sqlglot  # noqa: F401  the second opinion imports it when first asked, which would count against a deadline

    from p0_access.permissions.catalog_text import decode_catalog
    from p0_access.permissions.infer import TextReader
    from p0_access.permissions.infer.links import links
    from p0_access.permissions.second_opinion import with_second_opinion
    from p0_agent.reading.cutting import Cutter

    catalog: Catalog | None = None
    pipe.send_bytes(b"")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            question = _QUESTION.decode(pipe.recv_bytes())
            if question.catalog is not None:
                catalog = decode_catalog(question.catalog)
                links(catalog)  # which takes a while over a large one, and would count against a deadline
            understood: list[Understood] = []
            if catalog is not None:
                reader, cutter = TextReader(catalog, question.search_path), Cutter()
                for text in question.texts:
                    understood += _with_pieces(text, with_second_opinion(reader.read(text), reader.made), cutter)
            pipe.send_bytes(_ENCODER.encode(understood))


def _with_pieces(text: str, readings: Reading, cutter: Cutter) -> list[Understood]:
    found: tuple[Piece | None, ...] = cutter.pieces(text)
    if len(found) != len(readings):
        found = (None,) * len(readings)
    return [Understood(reading=reading, piece=piece) for reading, piece in zip(readings, found, strict=True)]
