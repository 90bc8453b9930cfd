"""The live log: nothing missed, nothing twice, nothing shown to who may not see it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fix_plane import CUSTOMERS, Caller, Plane, code
from fix_scripted_agent import by
from p0_access.messages.views import Event
from p0_launcher.sse import EventParser

SECONDS = 20.0


class Stream:
    """Reads events as a client does."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._bytes = response.aiter_raw()
        self._parser = EventParser()
        self._ready: list[Event] = []

    async def next(self) -> Event:
        async with asyncio.timeout(SECONDS):
            while not self._ready:
                self._take(await anext(self._bytes))
            return self._ready.pop(0)

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(SECONDS):
            while text not in await anext(self._bytes):
                pass

    async def received(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await anext(self._bytes)

    async def ended(self) -> bool:
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(httpx.RemoteProtocolError):
                async for received in self._bytes:
                    self._take(received)
            return not self._ready

    def _take(self, received: bytes) -> None:
        for each in self._parser.feed(received):
            event = msgspec.json.decode(each.data, type=Event)
            assert each.id == str(event.seq)
            self._ready.append(event)


@contextlib.asynccontextmanager
async def following(caller: Caller, after: int | None = None) -> AsyncIterator[Stream]:
    headers: dict[str, Any] = caller.headers("GET", "/v1/events")
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    async with (
        httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client,
        client.stream("GET", caller.url + "/v1/events", headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        yield Stream(response)


async def test_events_come_live_to_those_who_may_see_them(plane: Plane) -> None:
    async with following(plane.ada) as ada, following(plane.pat) as pat, following(plane.eve) as eve:
        for stream in (ada, pat, eve):
            await stream.until(b": ")
        secret = await plane.quinn.submit()  # quinn's own, for nobody else here
        view = await plane.ada.submit(CUSTOMERS)
        jobs = await plane.agent.claim()
        await plane.agent.admit(jobs[1], by("privacy"))
        assert [(await ada.next()).type for _ in range(2)] == ["submitted", "admitted"]
        seen = [await pat.next() for _ in range(2)]
        assert [(event.rid, event.type) for event in seen] == [(view.rid, "submitted"), (view.rid, "admitted")]
        assert secret.rid not in {event.rid for event in seen}
        assert await eve.received() == b": still here\n\n"


async def test_a_stream_resumes_without_gap_or_repetition(plane: Plane) -> None:
    for _ in range(3):
        await plane.ada.submit()
    mine = [event["seq"] for rid in await _rids(plane) for event in await _events(plane, rid)]
    async with following(plane.ada, after=0) as stream:
        first = await stream.next()
    await plane.ada.submit()
    async with following(plane.ada, after=first.seq) as stream:
        rest = [(await stream.next()).seq for _ in range(3)]
    assert [first.seq, *rest[:2]] == sorted(mine)
    assert len({first.seq, *rest}) == 4


async def test_a_stream_resumes_across_a_restart(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    async with plane.running():
        before = await plane.ada.submit()
    async with plane.running():
        again = await plane.ada.submit()
        async with following(plane.ada, after=0) as stream:
            assert [(await stream.next()).rid for _ in range(2)] == [before.rid, again.rid]


async def test_many_streams_see_the_same_while_much_happens(plane: Plane) -> None:
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(following(plane.ada)) for _ in range(5)]
        for stream in streams:
            await stream.until(b": ")
        made = await asyncio.gather(*(plane.ada.submit() for _ in range(12)))
        expected = sorted(view.events[0].seq for view in made)
        for stream in streams:
            assert [(await stream.next()).seq for _ in expected] == expected


async def test_a_place_in_the_log_that_is_none(plane: Plane) -> None:
    assert code(await plane.ada.call("GET", "/v1/events", None, Last_Event_ID="twelve")) == (400, "malformed_header")
    async with following(plane.ada, after=10**9) as stream:  # of a log that was lost: from now on
        await stream.until(b": ")
        view = await plane.ada.submit()
        assert (await stream.next()).rid == view.rid


async def test_one_person_can_have_so_many_streams(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p0_server.events.MAX_STREAMS_OF_ONE", 1)
    async with following(plane.ada) as stream:
        await stream.until(b": ")
        assert code(await plane.ada.get("/v1/events")) == (503, "too_many_streams")
        async with following(plane.pat) as other:
            await other.until(b": ")


async def test_a_stream_ends_with_the_proof_of_identity(plane: Plane) -> None:
    async with following(plane.ada) as stream:
        await stream.until(b": ")
        plane.clock.ahead = 400
        assert await stream.ended()


async def test_a_stream_ends_while_the_proof_lasts_so_that_what_may_be_seen_is_asked_anew(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p0_server.api.events.STREAM_SECONDS", 60)
    monkeypatch.setattr("p0_server.events.HEARTBEAT_SECONDS", 0.2)
    async with following(plane.ada) as stream:
        await stream.until(b": ")
        plane.clock.ahead = 61
        assert await stream.ended()


async def test_streams_and_held_calls_end_at_once_when_the_server_stops(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        running = contextlib.AsyncExitStack()
        await running.enter_async_context(plane.running())
        view = await plane.ada.submit()
        stream = await stack.enter_async_context(following(plane.ada))
        await stream.until(b": ")
        held = asyncio.create_task(plane.ada.view(view.rid, wait=25, after=view.events[-1].seq))
        claimed = await plane.agent.claim()
        assert len(claimed) == 1
        claiming = asyncio.create_task(plane.agent.claim(30))
        await asyncio.sleep(0)
        await plane.ada.get("/v1/me")  # the calls before it have arrived
        started = time.monotonic()
        await running.aclose()
        assert time.monotonic() - started < 3
        assert await stream.ended()
        for call in (held, claiming):
            with contextlib.suppress(httpx.HTTPError):  # answered, or not begun
                await call


async def _rids(plane: Plane) -> list[str]:
    return [each["rid"] for each in (await plane.ada.get("/v1/requests")).json()["requests"]]


async def _events(plane: Plane, rid: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await plane.ada.get(f"/v1/requests/{rid}/events")).json()["events"]
    return found
