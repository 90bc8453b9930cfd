"""The browser for programs, as `webbrowser` runs it: a child process, the development provider, a callback."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import AsyncIterator

import httpx
import pytest

from fix_oidc import ADA, GRACE, CertifiedProvider, NativeClient
from p0_demo.browser import MAX_STEPS, USER_VARIABLE, BrowserError, browser_command, follow
from p0_demo.identity_provider import Behaviour, DevelopmentProvider

SECONDS = 20


class Callback:
    """A launcher's loopback page: answers `status` and keeps the queries it was called with."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.status = "200 OK"
        self.uri = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.queries.append(dict(httpx.URL(target).params))
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    callback = Callback()
    server = await asyncio.start_server(callback.answer, "127.0.0.1", 0)
    async with server:
        callback.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"
        yield callback


async def sign_in_url(client: NativeClient, callback: Callback, **changes: str | None) -> str:
    endpoint = (await client.metadata())["authorization_endpoint"]
    parameters = client.request(**{"redirect_uri": callback.uri, "login_hint": None, **changes})
    return str(httpx.URL(endpoint, params=parameters))


async def browse(url: str, user: str | None) -> tuple[int | None, str, str]:
    """Exit status, standard output, standard error of the command, in a directory of somebody else."""
    environment = {name: value for name, value in os.environ.items() if name != USER_VARIABLE}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "p0_demo.browser", url,
        cwd="/",
        env=environment if user is None else {**environment, USER_VARIABLE: user},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    return process.returncode, out.decode(), err.decode()


async def test_it_chooses_the_user_and_says_nothing(
    development_provider: DevelopmentProvider, callback: Callback
) -> None:
    async with NativeClient(development_provider.issuer) as client:
        assert await browse(await sign_in_url(client, callback), GRACE.sub) == (0, "", "")
        [answer] = callback.queries
        assert answer["state"] == "a state"
        redeemed = await client.redeem(answer["code"], redirect_uri=callback.uri)
        assert (await client.verify(redeemed.json()["id_token"]))["sub"] == GRACE.sub


async def test_it_needs_no_user_where_nobody_asks(
    development_provider: DevelopmentProvider, callback: Callback
) -> None:
    development_provider.behaviour = Behaviour(auto_login=ADA.sub)
    async with NativeClient(development_provider.issuer) as client:
        assert await browse(await sign_in_url(client, callback), None) == (0, "", "")
    assert "code" in callback.queries[0]


@pytest.mark.parametrize(("hint", "user"), [(ADA.sub, None), (None, ADA.sub)])
async def test_it_keeps_cookies_for_the_certified_provider(
    certified_provider: CertifiedProvider, callback: Callback, hint: str | None, user: str | None
) -> None:
    async with NativeClient(certified_provider.issuer) as client:
        assert await browse(await sign_in_url(client, callback, login_hint=hint), user) == (0, "", "")
        redeemed = await client.redeem(callback.queries[0]["code"], redirect_uri=callback.uri)
        assert (await client.verify(redeemed.json()["id_token"]))["sub"] == ADA.sub


async def test_it_is_a_browser_for_webbrowser(
    development_provider: DevelopmentProvider, callback: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(USER_VARIABLE, ADA.sub)
    async with NativeClient(development_provider.issuer) as client:
        url = await sign_in_url(client, callback)
        assert await asyncio.to_thread(webbrowser.get(browser_command()).open, url)
    assert "code" in callback.queries[0]


@pytest.mark.parametrize("user", [None, "nobody"])
async def test_without_a_known_user_it_says_who_there_is(
    development_provider: DevelopmentProvider, callback: Callback, user: str | None
) -> None:
    async with NativeClient(development_provider.issuer) as client:
        status, out, err = await browse(await sign_in_url(client, callback), user)
    assert (status, out) == (1, "")
    assert err == "p0_demo.browser: set P0_DEMO_USER to one of: ada, grace, hedy, mallory\n"
    assert not callback.queries


async def test_a_refused_sign_in_is_a_failure_without_secrets(
    development_provider: DevelopmentProvider, callback: Callback
) -> None:
    callback.status = "400 Bad Request"
    async with NativeClient(development_provider.issuer) as client:
        status, _, err = await browse(await sign_in_url(client, callback), ADA.sub)
    assert status == 1
    assert err == f"p0_demo.browser: {callback.uri} answered 400\n"
    assert callback.queries[0]["code"] not in err


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://127.0.0.1/", "file:///etc/passwd", "http://127.0.0.1@example.com/", "", "["]
)
def test_it_goes_nowhere_but_to_loopback(url: str) -> None:
    with pytest.raises((BrowserError, ValueError), match=r"loopback|Invalid"):
        follow(url, user=None)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://example.com/callback", "not a loopback address: http://example.com"),
        ("/again", f"more than {MAX_STEPS} steps"),
    ],
)
async def test_it_follows_neither_away_nor_forever(location: str, message: str, callback: Callback) -> None:
    callback.status = f"302 Found\r\nLocation: {location}"
    status, _, err = await browse(callback.uri, None)
    assert (status, err) == (1, f"p0_demo.browser: {message}\n")


async def test_nobody_there_is_one_line(callback: Callback) -> None:
    status, out, err = await browse("http://127.0.0.1:1/", None)
    assert (status, out) == (1, "")
    assert err.startswith("p0_demo.browser: ")
    assert err.count("\n") == 1
