"""Server-sent events (HTML Living Standard, section 9.2), from bytes as they come. No I/O.

httpx's own lines end at every Unicode line separator, which JSON text may hold; a stream's lines end at CR, LF or both.
"""

from __future__ import annotations

from typing import Final

import msgspec

from p0_access.errors import MalformedError

MAX_EVENT_BYTES: Final = 256 * 1024


class ServerSentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One dispatched event. `id` is the last one that the stream has named so far."""

    id: str
    data: str


class EventParser:
    """Feed it bytes; it gives the events that they complete, in order."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._id = ""

    def feed(self, received: bytes) -> list[ServerSentEvent]:
        text = self._rest + received
        held = b"\r" if text.endswith(b"\r") else b""  # an LF may follow in the next bytes
        lines = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        found = [event for line in lines if (event := self._line(line.decode("utf-8", "replace"))) is not None]
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise MalformedError("an event is too large", code="oversize")
        return found

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            data, self._data = "\n".join(self._data), []
            return ServerSentEvent(id=self._id, data=data) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None
