"""A person at a browser, as far as sign-ins need one: where they go, and what comes back to the launcher's port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from fix_oidc import ADA
from p0_demo.identity_provider import CLIENT_ID
from p0_launcher.profile import Profile

Visit = Callable[[str], Awaitable[None]]


def profile_of(issuer: str, tmp_path: Path) -> Profile:
    return Profile(
        name="default",
        path=tmp_path / "config.toml",
        server="http://127.0.0.1:9",
        issuer=issuer,
        client_id=CLIENT_ID,
        agents=frozenset(),
        storage="file",
        scopes=None,
        prompt=None,
        algorithms=("ES256",),
    )


def changed(url: str, **changes: str | None) -> str:
    """`url` with parameters set, or left out."""
    parts = urlsplit(url)
    given = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return urlunsplit(parts._replace(query=urlencode({name: value for name, value in given.items() if value})))


async def follow(url: str) -> httpx.Response:
    """As a browser does, up to a page."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as browser:
        response = await browser.get(url)
        while response.is_redirect:
            response = await browser.get(urljoin(str(response.url), response.headers["location"]))
        return response


async def as_ada(url: str) -> None:
    page = await follow(changed(url, login_hint=ADA.sub))
    assert "You may close this tab" in page.text, page.text
    assert page.headers["referrer-policy"] == "no-referrer"


@asynccontextmanager
async def visiting(visit: Visit) -> AsyncIterator[Callable[[str, int], None]]:
    """`show_url` that sends `visit` off, and hears of its failures."""
    tasks: list[asyncio.Task[None]] = []

    async def go(url: str) -> None:
        await visit(url)

    def show_url(url: str, port: int) -> None:
        assert f"127.0.0.1%3A{port}%2Fcallback" in url
        tasks.append(asyncio.create_task(go(url)))

    yield show_url
    await asyncio.gather(*tasks)
