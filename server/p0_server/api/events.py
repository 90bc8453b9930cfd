"""The live log as server-sent events (HTML Living Standard, section 9.2), authorised per event and viewer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from p0_access.encoding import encode
from p0_access.errors import MalformedError
from p0_access.messages.views import Event
from p0_server.api.operation import Call, Operation
from p0_server.store.records import Viewer

SEND_SECONDS: Final = 30.0
"""A client that takes nothing in for so long is let go; it resumes where it was."""

STREAM_SECONDS: Final = 900
"""What its caller may see was looked up when a stream began: groups and delegations end, so it ends, too."""

_HEARTBEAT: Final = b": still here\n\n"


class EventStream(Response):
    """Sends chunks until they end, the client goes, or the client takes too long over one."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, ended: Callable[[], None]) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks = chunks
        self._ended = ended

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with contextlib.aclosing(self._chunks) as chunks:
                async for chunk in chunks:
                    if gone.done():
                        return
                    async with asyncio.timeout(SEND_SECONDS):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return
        finally:
            gone.cancel()
            self._ended()


async def events(call: Call) -> Response:
    after, hub = _last_event_id(call.http), call.services.hub
    who = await call.services.requests.viewer(call.person)
    hub.admit(who)
    return EventStream(_chunks(call, who, after), ended=lambda: hub.leave(who))


async def _chunks(call: Call, who: Viewer, after: int | None) -> AsyncGenerator[bytes, None]:
    """Ends with the caller's proof of identity, or after a while: whoever still may comes again with a newer one."""
    until = min(call.person.current_until, call.services.clock() + STREAM_SECONDS)
    following = call.services.hub.follow(who, after)
    yield _HEARTBEAT  # the headers and a first sign of life go out at once
    async with contextlib.aclosing(following):
        async for event in following:
            if call.services.clock() >= until:
                return
            yield _HEARTBEAT if event is None else _written(event)


def _written(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.type.encode(), encode(event))


def _last_event_id(http: Request) -> int | None:
    given = http.headers.get("last-event-id")
    if given is None or given == "":
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise MalformedError("Last-Event-ID is not the number of an event", code="malformed_header")
    return int(given)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/events",
        name="events",
        summary="What happens and the caller may see, as it happens. An event's id is its number in the log.",
        handler=events,
        answers={200: None},
        errors=(503,),
        headers={"Last-Event-ID": "Resume after this event; without it the stream starts now."},
        media_type="text/event-stream",
    ),
)
