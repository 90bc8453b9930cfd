"""Where notices arrive: an HTTP and an SMTP server on this machine that keep what they were given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

SECONDS = 60.0


@dataclass(kw_only=True)
class Received:
    """One POST. Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Receiver:
    """Answers with the first of `statuses` that is left, then with 200."""

    url: str = ""
    port: int = 0
    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    async def until(self, done: Callable[[], bool]) -> None:
        """Until it is so, which only something received can bring about."""
        async with asyncio.timeout(SECONDS):
            while not done():
                self._news.clear()
                await self._news.wait()

    def nudge(self) -> None:
        """From whatever thread: something came."""
        self._loop.call_soon_threadsafe(self._news.set)

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Received(path=head[0].split()[1], headers=headers, body=body))
            status = self.statuses.pop(0) if self.statuses else 200
            extra = "Location: /elsewhere\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 2\r\nConnection: close\r\n\r\nok".encode())
            await writer.drain()
            self._news.set()
        writer.close()

    async def smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(data[:-5], policy=policy.default))
                self._news.set()
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                break
        writer.close()


@contextlib.asynccontextmanager
async def _listening(receiver: Receiver, *, smtp: bool) -> AsyncIterator[Receiver]:
    server = await asyncio.start_server(receiver.smtp if smtp else receiver.http, "127.0.0.1", 0)
    async with server:
        receiver.port = server.sockets[0].getsockname()[1]
        receiver.url = f"http://127.0.0.1:{receiver.port}"
        yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with _listening(Receiver(), smtp=False) as found:
        yield found


@pytest.fixture
async def mailbox() -> AsyncIterator[Receiver]:
    async with _listening(Receiver(), smtp=True) as found:
        yield found
