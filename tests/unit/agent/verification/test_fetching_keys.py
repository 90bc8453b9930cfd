"""The agent gets keys from the issuer itself: over real HTTP, once for all who ask, and nothing but a whole answer."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fix_people import Issuer, Person
from p0_access.encoding import MAX_RECORD_BYTES
from p0_access.errors import ProofError
from p0_access.proof.jwks import TTL
from p0_agent.verification import issuer_keys
from p0_agent.verification.issuer_keys import IssuerKeyCache

NOW = 1_800_000_000


class Published:
    """An issuer on this machine. `jwks` and `status` are what it answers; `paths` what it was asked for."""

    def __init__(self) -> None:
        published = self
        self.status = 200
        self.jwks: bytes | None = None
        self.paths: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                published.paths.append(self.path)
                body = published.document(self.path)
                self.send_response(published.status)
                if 300 <= published.status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = Issuer(url=f"http://127.0.0.1:{self.server.server_port}")
        self.person = Person(name="dana", groups=(), issuer=self.issuer, clock=lambda: NOW)

    def document(self, path: str) -> bytes:
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.issuer.url, "jwks_uri": f"{self.issuer.url}/jwks"}).encode()
        if self.jwks is not None:
            return self.jwks
        return json.dumps({"keys": list(self.issuer.key_set().keys.values())}).encode()


@pytest.fixture
def published() -> Iterator[Published]:
    found = Published()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


BOTH = ["/.well-known/openid-configuration", "/jwks"]


async def test_keys_are_fetched_once_and_believed_for_a_while(published: Published) -> None:
    clock = Clock()
    cache = IssuerKeyCache(clock=clock)
    tokens = (published.person.id_token,)
    found = await asyncio.gather(*(cache.keys(published.issuer.trusted, tokens) for _ in range(5)))
    assert [set(each.keys) for each in found] == [{"k1"}] * 5
    assert published.paths == BOTH
    clock.now += TTL - 1
    await cache.keys(published.issuer.trusted, tokens)
    assert published.paths == BOTH
    clock.now += 1
    await cache.keys(published.issuer.trusted, tokens)
    assert published.paths == BOTH * 2
    await cache.close()


@pytest.mark.parametrize(
    ("status", "jwks"),
    [(500, None), (204, None), (302, None), (200, b"no JSON"), (200, b" " * (MAX_RECORD_BYTES + 1))],
)
async def test_what_is_no_answer_leaves_the_issuer_unavailable(
    published: Published, status: int, jwks: bytes | None
) -> None:
    published.status, published.jwks = status, jwks
    cache = IssuerKeyCache(clock=Clock())
    with pytest.raises(ProofError) as caught:
        await cache.keys(published.issuer.trusted, (published.person.id_token,))
    assert caught.value.code == "issuer_unavailable"
    assert "/elsewhere" not in published.paths
    await cache.close()


async def test_the_largest_answer(published: Published) -> None:
    keys = published.document("/jwks")
    published.jwks = keys + b" " * (MAX_RECORD_BYTES - len(keys))
    cache = IssuerKeyCache(clock=Clock())
    assert set((await cache.keys(published.issuer.trusted, (published.person.id_token,))).keys) == {"k1"}
    await cache.close()


async def test_an_issuer_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "TIMEOUT_SECONDS", 0.1)

    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes calls, and never answers
        issuer = Issuer(url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        person = Person(name="dana", groups=(), issuer=issuer, clock=lambda: NOW)
        cache = IssuerKeyCache(clock=Clock())
        async with asyncio.timeout(4):
            with pytest.raises(ProofError):
                await cache.keys(issuer.trusted, (person.id_token,))
        await cache.close()


async def test_an_issuer_that_is_away_keeps_its_keys_and_is_asked_again_later(published: Published) -> None:
    clock = Clock()
    cache = IssuerKeyCache(clock=clock)
    tokens = (published.person.id_token,)
    await cache.keys(published.issuer.trusted, tokens)
    published.status = 503
    clock.now += TTL
    assert set((await cache.keys(published.issuer.trusted, tokens)).keys) == {"k1"}
    assert published.paths == [*BOTH, BOTH[0]]
    await cache.keys(published.issuer.trusted, tokens)
    assert published.paths == [*BOTH, BOTH[0]]  # not at once
    await cache.close()
