"""Identity providers for tests: the development one, and a certified one (npm `oidc-provider`) beside it.

`NativeClient` is an independent peer of both: code with PKCE as the specifications have it, ID tokens verified by
PyJWT; it shares no code with the launcher, the kernel or the development provider.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import selectors
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import jwt
import msgspec
import pytest

from p0_demo.identity_provider import CLIENT_ID, DevelopmentProvider, User

ADA = User(sub="ada", email="ada@example.com", groups=("analysts", "engineers"))
GRACE = User(sub="grace", email="grace@example.com", groups=("privacy",))
HEDY = User(sub="hedy", email="hedy@example.com", groups=("privacy",))
MALLORY = User(sub="mallory", email="mallory@example.com")
USERS = (ADA, GRACE, HEDY, MALLORY)
"""An engineer, two who may approve, and somebody in no group."""

CALLBACK = "http://127.0.0.1:49152/callback"
"""Where a `NativeClient` says that it listens; it reads the redirect instead."""

PEER = Path(__file__).with_name("peers") / "oidc-provider"
START_SECONDS = 30


class CertifiedProvider(msgspec.Struct, frozen=True, kw_only=True):
    """npm `oidc-provider`, running with `USERS`. It signs in whom `login_hint` names, else asks by a form that
    `p0_demo.browser` can answer. Its ID tokens are ES256."""

    issuer: str
    client_id: str


@pytest.fixture
async def development_provider() -> AsyncIterator[DevelopmentProvider]:
    """A fresh one with `USERS`; signs in whom `login_hint` names. Change its `behaviour` at will."""
    async with DevelopmentProvider(users=USERS) as provider:
        yield provider


@pytest.fixture(scope="session")
def certified_provider() -> Iterator[CertifiedProvider]:
    """One for the session: sign-ins share nothing."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("the certified identity provider needs Node.js (node, npm): install it and run `make test`")
    if not (PEER / "node_modules" / "oidc-provider").is_dir():
        pytest.fail("the certified identity provider is not installed: run `make test`, or sh tools/fetch-peers.sh")
    wanted = {"client_id": CLIENT_ID, "users": [msgspec.to_builtins(user) for user in USERS], "token_seconds": 300}
    with subprocess.Popen(
        [node, PEER / "server.mjs", json.dumps(wanted)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield CertifiedProvider(issuer=json.loads(_first_line(process))["issuer"], client_id=CLIENT_ID)
        finally:
            process.communicate(timeout=START_SECONDS)  # closes its input, which ends it


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A token endpoint's good answer."""

    id_token: str
    refresh_token: str
    access_token: str
    token_type: str
    expires_in: int


class NativeClient:
    """A public native client of the provider at `issuer`; an async context manager. `verifier` is its PKCE secret."""

    def __init__(self, issuer: str, *, client_id: str = CLIENT_ID) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.verifier = secrets.token_urlsafe(48)
        self.http = httpx.AsyncClient(trust_env=False, timeout=10)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        response = await self.http.get(f"{self.issuer}/.well-known/openid-configuration")
        return dict(response.raise_for_status().json())

    def request(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a good authorization request for ada, changed; None leaves one out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        good: dict[str, str | None] = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid email",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "login_hint": ADA.sub,
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    async def visit(self, parameters: dict[str, str] | list[tuple[str, str]]) -> httpx.Response:
        """Go to the authorization endpoint without cookies and on, up to a page or the redirect to the callback."""
        self.http.cookies.clear()
        url = (await self.metadata())["authorization_endpoint"]
        response = await self.http.get(url, params=urlencode(parameters))
        while response.is_redirect and not callback_of(response):
            response = await self.http.get(urljoin(str(response.url), response.headers["location"]))
        return response

    async def code(self, **changes: str | None) -> str:
        """The code of a good sign-in, with the answer checked as RFC 9207 asks."""
        response = await self.visit(self.request(**changes))
        answer = callback_of(response)
        assert answer.get("iss") == self.issuer, response.text
        assert answer.get("state") == "a state"
        return answer["code"]

    async def token(self, **form: str) -> httpx.Response:
        """Whatever the token endpoint answers to this form."""
        url = (await self.metadata())["token_endpoint"]
        return await self.http.post(url, data={"client_id": self.client_id, **form})

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        """What the token endpoint answers to a code."""
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": self.verifier}
        return await self.token(**{**form, "code": code, **changes})

    async def refresh(self, refresh_token: str) -> httpx.Response:
        """What the token endpoint answers to a refresh token."""
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token)

    async def sign_in(self, user: User = ADA, *, nonce: str = "a nonce") -> Tokens:
        """The tokens of a good sign-in."""
        return tokens_of(await self.redeem(await self.code(login_hint=user.sub, nonce=nonce)))

    async def verify(self, id_token: str, *, algorithms: tuple[str, ...] = ("ES256",)) -> dict[str, Any]:
        """The claims of an ID token, verified by PyJWT with the keys published now."""
        published = await self.http.get((await self.metadata())["jwks_uri"])
        keys = jwt.PyJWKSet.from_dict(published.json())
        claims: dict[str, Any] = jwt.decode(
            id_token,
            keys[jwt.get_unverified_header(id_token)["kid"]],
            algorithms=list(algorithms),
            audience=self.client_id,
            issuer=self.issuer,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
        return claims


def callback_of(response: httpx.Response) -> dict[str, str]:
    """The parameters of a redirect to the client; empty if it is none."""
    location = response.headers.get("location", "")
    return dict(parse_qsl(urlsplit(location).query)) if location.startswith(f"{CALLBACK}?") else {}


def tokens_of(response: httpx.Response) -> Tokens:
    """The tokens of a good answer."""
    assert response.status_code == 200, response.text
    return msgspec.convert(response.json(), Tokens)


def error_of(response: httpx.Response) -> str:
    """The error code of the token endpoint's refusal."""
    assert response.status_code == 400, response.text
    assert response.headers["cache-control"].startswith("no-store")
    return str(response.json()["error"])


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_SECONDS) else b""
    if not line:
        process.kill()
        _, errors = process.communicate()
        pytest.fail(f"the certified identity provider did not start: {errors.decode(errors='replace')[-2000:]}")
    return line


@pytest.fixture(params=["development", "certified"])
def issuer(request: pytest.FixtureRequest, development_provider: DevelopmentProvider) -> str:
    """That of our own provider, then of one that others have certified."""
    if request.param == "development":
        return development_provider.issuer
    certified: CertifiedProvider = request.getfixturevalue("certified_provider")
    return certified.issuer
