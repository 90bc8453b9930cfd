"""The loopback port that the browser comes back to (RFC 8252, section 7.3). It answers one question and then is gone.

Anything on this machine, and any web page through the visitor's browser, can call it: only an answer that carries this
sign-in's `state` counts, everything else gets an error and the wait goes on.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from p0_access.secret import Hidden
from p0_launcher.errors import ConfigurationError, NotSignedInError

HOST: Final = "127.0.0.1"
PATH: Final = "/callback"
_MAX_REQUEST_BYTES: Final = 32 * 1024
_REQUEST_SECONDS: Final = 10.0

_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>p0</title>
<body style="font: 16px/1.5 system-ui; max-width: 32em; margin: 4em auto"><p>{}</p></body></html>"""


class Answer(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    """The provider's answer to this sign-in; `iss` is unverified, and None when it names none."""

    code: str
    iss: str | None


class Callback:
    """The port while it listens. `answer()` waits for the provider's."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.port = 0

    @property
    def redirect_uri(self) -> str:
        return f"http://{HOST}:{self.port}{PATH}"

    async def answer(self) -> Answer:
        """Raises `NotSignedInError` when the provider says no."""
        return await self._answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = self._respond(head.decode("latin-1"))
                body = _PAGE.format(text).encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
                    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
                    "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a broken visitor; the one that matters may still come
        finally:
            writer.close()

    def _respond(self, head: str) -> tuple[str, str]:
        request_line, *fields = head.split("\r\n")
        method, _, rest = request_line.partition(" ")
        target = urlsplit(rest.rpartition(" ")[0])
        hosts = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("host:")]
        if method != "GET" or target.path != PATH or hosts != [f"{HOST}:{self.port}"]:
            return "404 Not Found", "There is nothing here."
        try:
            answer = read_answer(target.query, self._state)
        except NotSignedInError as error:
            if not self._answer.done():
                self._answer.set_exception(error)
            return "200 OK", "The sign-in did not succeed; the terminal says why. You may close this tab."
        if answer is None:
            return "400 Bad Request", "This is not the answer to the sign-in that is waiting."
        if self._answer.done():
            return "400 Bad Request", "This sign-in is over."
        self._answer.set_result(answer)
        return "200 OK", "You may close this tab and go back to the terminal."


def read_answer(query: str, state: str) -> Answer | None:
    """The provider's answer to the sign-in with this `state`; None if it is to another one. `NotSignedInError` if it is
    no."""
    found = {name: values[0] for name, values in parse_qs(query).items() if len(values) == 1}
    if not hmac.compare_digest(found.get("state", "").encode(), state.encode()):
        return None
    if "code" not in found:
        reason = found.get("error_description") or found.get("error") or "it gave no code"
        raise NotSignedInError(f"the identity provider refuses: {reason}", code="sign_in_refused", hint=None)
    return Answer(code=found["code"], iss=found.get("iss"))


@asynccontextmanager
async def listening(state: str, *, port: int = 0) -> AsyncIterator[Callback]:
    """A callback on a free port of the loopback interface, or on `port`."""
    callback = Callback(state)
    try:
        server = await asyncio.start_server(callback.serve, HOST, port, limit=_MAX_REQUEST_BYTES)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {HOST}:{port}: {error.strerror}",
            code="port_taken",
            hint="Choose another with --port, or leave it out for a free one",
        ) from error
    async with server:
        callback.port = server.sockets[0].getsockname()[1]
        yield callback
