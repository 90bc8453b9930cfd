"""Staying in touch with the server: one event stream, reconnecting by itself, with polling beside it.

A connection counts as live once a refresh has succeeded while the stream is open. Every new connection and every
`POLL_SECONDS` refreshes all lists, so that an event missed in between shows late, never not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Literal

import msgspec

from p0_access.errors import P0Error
from p0_access.messages.views import Event
from p0_tui.backend import Backend

FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 30.0
POLL_SECONDS: Final = 30.0


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """`retry_in` and `problem` are there while offline."""

    state: Literal["connecting", "live", "offline"]
    retry_in: float = 0.0
    problem: P0Error | None = None


class Live:
    """Runs until cancelled. `jitter` gives a number in [0, 1); the callbacks run in the same task group's loop."""

    def __init__(
        self,
        backend: Backend,
        *,
        refresh: Callable[[], Awaitable[None]],
        on_event: Callable[[Event], None],
        on_connection: Callable[[Connection], None],
        jitter: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._refresh = refresh
        self._on_event = on_event
        self._on_connection = on_connection
        self._jitter = jitter
        self._retry_now = asyncio.Event()
        self._last: int | None = None

    def retry_now(self) -> None:
        """Ends the wait between two attempts."""
        self._retry_now.set()

    async def run(self) -> None:
        delay = FIRST_DELAY
        while True:
            live = False

            def on_live() -> None:
                nonlocal live
                live = True
                self._on_connection(Connection(state="live"))

            problem = await self._connect(on_live)
            if live:
                delay = FIRST_DELAY
            wait = delay * (0.5 + self._jitter() / 2)
            self._on_connection(Connection(state="offline", retry_in=wait, problem=problem))
            self._retry_now.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._retry_now.wait(), wait)
            delay = min(delay * 2, MAX_DELAY)

    async def _connect(self, on_live: Callable[[], None]) -> P0Error | None:
        """Streams until that breaks; returns why, None if the server just hung up."""
        stream = asyncio.create_task(self._stream())
        poll = asyncio.create_task(self._poll(on_live))
        try:
            done, _ = await asyncio.wait((stream, poll), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except P0Error as error:
            return error
        finally:
            for task in (stream, poll):
                task.cancel()
            await asyncio.gather(stream, poll, return_exceptions=True)
        return None

    async def _stream(self) -> None:
        async for event in self._backend.events(self._last):
            self._last = event.seq
            self._on_event(event)

    async def _poll(self, on_live: Callable[[], None]) -> None:
        while True:
            await self._refresh()
            on_live()
            await asyncio.sleep(POLL_SECONDS)
