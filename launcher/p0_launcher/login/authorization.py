"""One trip to the identity provider: authorization code with PKCE (RFC 6749 with 7636, 8252 and 9207), up to tokens.

The nonce is the caller's, and says what the sign-in is for. The tokens are unverified.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit

from p0_access.encoding import b64u, sha256_b64u
from p0_launcher.errors import NotSignedInError, UnverifiedError
from p0_launcher.login.callback import HOST, PATH, Answer, Callback, listening, read_answer
from p0_launcher.login.provider import IdentityProvider, Metadata, Tokens
from p0_launcher.profile import Profile

WISHED_SCOPES: Final = ("openid", "email", "profile", "groups", "offline_access")
"""Asked for as far as the provider says that it knows them."""

SIGN_IN_SECONDS: Final = 300.0

PASTE_PORT: Final = 8765
"""Nobody listens there: the browser that is sent to it shows the URL to paste."""

ShowUrl = Callable[[str, int], None]
"""`show_url(url, port)` brings the person's browser to `url`, and must not block."""


class Way(Protocol):
    """How the provider's answer comes back: where it sends the browser to, and the answer once it is there."""

    redirect_uri: str

    async def answer(self, url: str) -> Answer: ...


class _Browser:
    def __init__(self, callback: Callback, show_url: ShowUrl, patience: float) -> None:
        self.redirect_uri = callback.redirect_uri
        self._callback = callback
        self._show_url = show_url
        self._patience = patience

    async def answer(self, url: str) -> Answer:
        self._show_url(url, self._callback.port)
        try:
            async with asyncio.timeout(self._patience):
                return await self._callback.answer()
        except TimeoutError as error:
            raise NotSignedInError(
                f"nobody signed in within {int(self._patience)} seconds",
                code="sign_in_timeout",
                hint="Try again: p0 login",
            ) from error


@asynccontextmanager
async def by_browser(state: str, show_url: ShowUrl, *, port: int, patience: float) -> AsyncIterator[Way]:
    """To a loopback port; 0 is any free one. Raises `NotSignedInError` after `patience` seconds."""
    async with listening(state, port=port) as callback:
        yield _Browser(callback, show_url, patience)


class Pasting:
    """By hand: `ask(url)` shows the URL, and gives the one at which the browser ended."""

    redirect_uri: str = f"http://{HOST}:{PASTE_PORT}{PATH}"

    def __init__(self, state: str, ask: Callable[[str], Awaitable[str]]) -> None:
        self._state = state
        self._ask = ask

    async def answer(self, url: str) -> Answer:
        pasted = (await self._ask(url)).strip()
        found = read_answer(urlsplit(pasted).query, self._state) if pasted.startswith(self.redirect_uri) else None
        if found is None:
            raise NotSignedInError(
                "that is not the URL at which this sign-in ended", code="paste_mismatch", hint="Try again: p0 login"
            )
        return found


async def authorized(
    profile: Profile,
    provider: IdentityProvider,
    way: Way,
    *,
    client_id: str,
    nonce: str,
    state: str,
    random: Callable[[int], bytes],
    wishes: Mapping[str, str | None],
) -> Tokens:
    """Sends somebody there and back. `wishes` are further parameters; None leaves one out."""
    metadata = await provider.metadata()
    verifier = b64u(random(48))
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": way.redirect_uri,
        "scope": " ".join(_scopes(profile, metadata)),
        "state": state,
        "nonce": nonce,
        "code_challenge": sha256_b64u(verifier.encode()),
        "code_challenge_method": "S256",
    } | {name: value for name, value in wishes.items() if value is not None}
    endpoint = provider.people(metadata.authorization_endpoint)
    answer = await way.answer(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}")
    _check_issuer(answer.iss, metadata)
    return await provider.exchange(
        code=answer.code, verifier=verifier, redirect_uri=way.redirect_uri, client_id=client_id
    )


def _scopes(profile: Profile, metadata: Metadata) -> tuple[str, ...]:
    if profile.scopes is not None:
        return ("openid", *(scope for scope in profile.scopes if scope != "openid"))
    known = metadata.scopes_supported
    return (
        WISHED_SCOPES[:3] if known is None else tuple(scope for scope in WISHED_SCOPES if scope in {"openid", *known})
    )


def _check_issuer(iss: str | None, metadata: Metadata) -> None:
    """RFC 9207: an answer that another provider mixed in is not used."""
    if iss is None and not metadata.authorization_response_iss_parameter_supported:
        return
    if iss is None or not hmac.compare_digest(iss.encode(), metadata.issuer.encode()):
        raise UnverifiedError("the answer to the sign-in is from another identity provider", code="answer_issuer")
