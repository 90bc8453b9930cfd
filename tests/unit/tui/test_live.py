"""Staying in touch: reconnecting by itself, resuming where it was, polling beside the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from p0_access.messages.views import Event, State
from p0_launcher.errors import NotSignedInError, UnavailableError
from p0_tui import live
from p0_tui.backend import Backend
from p0_tui.live import Connection, Live


def event(seq: int) -> Event:
    return Event(seq=seq, rid="r-1", at=0, type="submitted", state=State.SUBMITTED)


class Server:
    """Streams what it is told; `problem` is what connecting meets."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.asked_after: list[int | None] = []
        self.queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()

    async def events(self, after: int | None) -> AsyncIterator[Event]:
        self.asked_after.append(after)
        if self.problem is not None:
            raise self.problem
        while (item := await self.queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item


class Watcher:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.seen: list[int] = []
        self.connections: list[Connection] = []
        self.refreshed = 0
        self.happened = asyncio.Event()
        self.live = Live(
            cast("Backend", server),
            refresh=self._refresh,
            on_event=lambda item: self._note(lambda: self.seen.append(item.seq)),
            on_connection=lambda item: self._note(lambda: self.connections.append(item)),
            jitter=lambda: 0.0,
        )

    async def _refresh(self) -> None:
        if self.server.problem is not None:
            raise self.server.problem
        self.refreshed += 1

    def _note(self, change) -> None:  # type: ignore[no-untyped-def]  # one of the two above
        change()
        self.happened.set()

    async def until(self, condition) -> None:  # type: ignore[no-untyped-def]  # a test's lambda
        async with asyncio.timeout(5):
            while not condition():
                self.happened.clear()
                await self.happened.wait()


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.setattr(live, "FIRST_DELAY", 0.01)
    return Watcher(Server())


async def test_resumes_after_the_last_event_and_refreshes_on_every_connection(watcher: Watcher) -> None:
    running = asyncio.create_task(watcher.live.run())
    watcher.server.queue.put_nowait(event(7))
    await watcher.until(lambda: watcher.seen == [7])
    watcher.server.queue.put_nowait(None)
    await watcher.until(lambda: len(watcher.server.asked_after) == 2)
    watcher.server.queue.put_nowait(event(9))
    await watcher.until(lambda: watcher.seen == [7, 9])
    await watcher.until(lambda: [item.state for item in watcher.connections] == ["live", "offline", "live"])
    assert watcher.server.asked_after == [None, 7]
    assert watcher.refreshed == 2
    running.cancel()


async def test_backs_off_and_says_why(watcher: Watcher) -> None:
    watcher.server.problem = UnavailableError("away", code="server_unavailable")
    running = asyncio.create_task(watcher.live.run())
    await watcher.until(lambda: len(watcher.connections) == 4)
    assert [round(item.retry_in, 3) for item in watcher.connections] == [0.005, 0.01, 0.02, 0.04]
    assert all(item.problem is watcher.server.problem for item in watcher.connections)
    watcher.server.problem = None
    await watcher.until(lambda: watcher.connections[-1].state == "live")
    watcher.server.queue.put_nowait(UnavailableError("again", code="server_unavailable"))
    await watcher.until(lambda: watcher.connections[-1].state == "offline")
    assert watcher.connections[-1].retry_in == pytest.approx(0.005), "the back-off starts anew after a connection"
    running.cancel()


async def test_the_wait_can_be_cut_short(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_DELAY", 3600.0)
    watcher.server.problem = NotSignedInError("expired")
    running = asyncio.create_task(watcher.live.run())
    await watcher.until(lambda: watcher.connections)
    watcher.server.problem = None
    watcher.live.retry_now()
    await watcher.until(lambda: watcher.connections[-1].state == "live")
    running.cancel()


async def test_lists_are_polled_while_the_stream_is_silent(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.01)
    running = asyncio.create_task(watcher.live.run())
    await watcher.until(lambda: watcher.refreshed >= 3)
    assert watcher.server.asked_after == [None]
    running.cancel()


async def test_cancelling_leaves_nothing_running(watcher: Watcher) -> None:
    running = asyncio.create_task(watcher.live.run())
    await watcher.until(lambda: watcher.connections)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
