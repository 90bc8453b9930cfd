"""The API client: what it makes of every kind of trouble, and of a stream of events."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from fix_launcher import SERVER, Machine
from p0_access.errors import MalformedError
from p0_access.messages.views import Event
from p0_launcher.api import Api
from p0_launcher.errors import (
    DeniedError,
    LauncherError,
    NotSignedInError,
    UnavailableError,
    UnverifiedError,
    UsageError,
)
from p0_launcher.network import is_loopback
from p0_launcher.sse import MAX_EVENT_BYTES, EventParser, ServerSentEvent


async def answered(dana: Machine, response: httpx.Response | Exception) -> Api:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    transport = httpx.MockTransport(answer)
    return Api(SERVER, await dana.session(), clock=dana.clock, random=secrets.token_bytes, transport=transport)


def said(status: int, code: str = "some_code", hint: str | None = "do this") -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "so it is", "hint": hint}})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, UsageError),
        (401, NotSignedInError),
        (403, DeniedError),
        (404, UsageError),
        (409, UsageError),
        (429, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_the_servers_words_with_a_status_of_ours(dana: Machine, status: int, error: type[LauncherError]) -> None:
    async with await answered(dana, said(status)) as api:
        with pytest.raises(error, match="so it is") as caught:
            await api.me()
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.hint) == ("some_code", "do this")


async def test_a_sign_in_that_is_over_says_how_to_renew_it(dana: Machine) -> None:
    async with await answered(dana, said(401, hint=None)) as api:
        with pytest.raises(NotSignedInError) as caught:
            await api.me()
    assert caught.value.hint == "Sign in again: p0 login"


@pytest.mark.parametrize(
    ("response", "error", "code"),
    [
        (httpx.ConnectError("refused"), UnavailableError, "server_unavailable"),
        (httpx.ReadTimeout("slow"), UnavailableError, "server_unavailable"),
        (httpx.RemoteProtocolError("closed"), UnavailableError, "server_unavailable"),
        (httpx.Response(502, text="<html>"), UnavailableError, "server_error"),
        (httpx.Response(404, text="<html>"), UsageError, "server_error"),
        (httpx.Response(200, text="<html>"), UnverifiedError, "server_answer"),
        (httpx.Response(200, json={"subject": 1}), UnverifiedError, "server_answer"),
        (httpx.Response(302, headers={"location": "https://evil.example"}), UnverifiedError, "server_answer"),
    ],
)
async def test_trouble_names_the_server(
    dana: Machine, response: httpx.Response | Exception, error: type[LauncherError], code: str
) -> None:
    async with await answered(dana, response) as api:
        with pytest.raises(error) as caught:
            await api.me()
    assert caught.value.code == code
    assert SERVER in str(caught.value)


EVENT = '{"seq":7,"rid":"r-aaaa1","at":1,"type":"approval","state":"pending","actor":"a\u2028b"}'


class Chunks(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in (b": hello\n\nid: 7\nda", f"ta: {EVENT}\n".encode(), b"\n", b": heartbeat\n\n"):
            yield part


async def all_events(api: Api) -> list[Event]:
    return [event async for event in api.events(6)]


async def test_events_come_as_they_are_sent(dana: Machine) -> None:
    async with await answered(dana, httpx.Response(200, stream=Chunks())) as api:
        assert [(event.seq, event.actor) for event in await all_events(api)] == [(7, "a\u2028b")]


async def test_a_stream_that_is_refused_is_an_error(dana: Machine) -> None:
    async with await answered(dana, said(401)) as api:
        with pytest.raises(NotSignedInError):
            await all_events(api)


def parsed(*parts: bytes) -> list[ServerSentEvent]:
    parser = EventParser()
    return [event for part in parts for event in parser.feed(part)]


STREAM = (
    "id: 1\r\ndata: one\r\n\r\n:x\ndata:two\ndata: ő\n\nid:3\rdata: three\r\revent: x\n\ndata: never finished\n"
).encode()
EVENTS = [
    ServerSentEvent(id="1", data="one"),
    ServerSentEvent(id="1", data="two\nő"),
    ServerSentEvent(id="3", data="three"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_in_any_pieces(size: int) -> None:
    assert parsed(*(STREAM[at : at + size] for at in range(0, len(STREAM), size))) == EVENTS


def test_an_endless_event_is_refused() -> None:
    with pytest.raises(MalformedError):
        parsed(*[b"data: " + b"x" * 65_536] * (MAX_EVENT_BYTES // 65_536 + 1))
    with pytest.raises(MalformedError):
        parsed(*[b"data: " + b"x" * 65_530 + b"\n"] * (MAX_EVENT_BYTES // 65_536 + 1))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("10.0.0.1", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_what_can_only_be_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
