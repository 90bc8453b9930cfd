"""Live events: the log, streamed from any place in it, to each viewer what they may see.

A stream is a cursor over the table, so it has no queue that could grow and misses nothing: what it has not read yet
stays in the table. The newest events are kept in memory, which spares the store one read for each stream.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator
from typing import Final

from p0_access.messages.views import Event
from p0_server.errors import UnavailableError
from p0_server.signals import Signal, wait
from p0_server.store.protocol import Store
from p0_server.store.records import LoggedEvent, Viewer
from p0_server.visibility import may_see

HEARTBEAT_SECONDS: Final = 5.0
KEPT_IN_MEMORY: Final = 1_000
READ_AT_ONCE: Final = 500
MAX_STREAMS: Final = 2_000
MAX_STREAMS_OF_ONE: Final = 16

_LOG: Final = logging.getLogger(__name__)


class EventHub:
    """Reads the log once for all streams. `run` must be running; `signal` says when there may be something new."""

    def __init__(self, store: Store, signal: Signal) -> None:
        self._store = store
        self._commits = signal
        self._read = Signal()
        self._newest: deque[LoggedEvent] = deque(maxlen=KEPT_IN_MEMORY)
        self._head = 0
        self._complete_after = 0
        self._streams: Counter[tuple[str, str]] = Counter()

    async def run(self) -> None:
        """Follows the log until the signal is closed."""
        self._head = self._complete_after = await self._store.last_seq()
        while not self._commits.closed:
            ticket = self._commits.ticket()
            try:
                await self._catch_up()
            except Exception:  # noqa: BLE001 - no trouble may end the streams: it is read again in a moment
                _LOG.exception("the log cannot be followed")
            await wait(ticket, HEARTBEAT_SECONDS)
        self._read.close()

    async def _catch_up(self) -> None:
        while found := await self._store.events(after=self._head, limit=READ_AT_ONCE):
            for logged in found:
                if len(self._newest) == KEPT_IN_MEMORY:
                    self._complete_after = self._newest[0].event.seq
                self._newest.append(logged)
            self._head = found[-1].event.seq
            self._read.notify()
            if len(found) < READ_AT_ONCE:
                return  # whatever came meanwhile signals again

    def admit(self, viewer: Viewer) -> None:
        """Makes room for one more stream; raises when there are too many. `leave` gives the room back."""
        who = (viewer.iss, viewer.sub)
        if self._streams.total() >= MAX_STREAMS or self._streams[who] >= MAX_STREAMS_OF_ONE:
            raise UnavailableError("too many event streams are open", code="too_many_streams", hint="Close some.")
        self._streams[who] += 1

    def leave(self, viewer: Viewer) -> None:
        who = (viewer.iss, viewer.sub)
        self._streams[who] -= 1
        if not self._streams[who]:
            del self._streams[who]

    async def follow(self, viewer: Viewer, after: int | None) -> AsyncGenerator[Event | None, None]:
        """The viewer's events past sequence number `after`, or from now on; None as a sign of life.

        Ends when the server stops.
        """
        cursor = self._head if after is None else min(after, await self._store.last_seq())
        while not self._read.closed:
            ticket = self._read.ticket()
            found = await self._after(cursor)
            for logged in found:
                if may_see(viewer, logged):
                    yield logged.event
                cursor = logged.event.seq
            if not found:
                await wait(ticket, HEARTBEAT_SECONDS)
                if not ticket.is_set():
                    yield None

    async def _after(self, cursor: int) -> tuple[LoggedEvent, ...]:
        if cursor >= self._head:
            return ()
        if cursor >= self._complete_after:
            return tuple(logged for logged in self._newest if logged.event.seq > cursor)
        return await self._store.events(after=cursor, limit=READ_AT_ONCE)
