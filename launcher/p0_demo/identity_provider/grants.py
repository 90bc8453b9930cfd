"""Sign-ins that a client can turn into tokens: single-use codes with PKCE, and rotating refresh tokens.

One sign-in has one live secret at a time: first its code, then its newest refresh token. Whatever else is presented
for it (a code twice, a refresh token that was already used, a wrong verifier) ends the sign-in altogether, as RFC 6749
section 4.1.2 and RFC 9700 section 4.14 ask. Never holds a token that was issued.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from p0_demo.identity_provider.errors import OAuthError
from p0_demo.identity_provider.settings import User

CODE_SECONDS: Final = 60
REFRESH_SECONDS: Final = 12 * 3600
MAX_SIGN_INS: Final = 10_000

CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636, sections 4.1 and 4.2."""


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """That `user` signed in at `auth_time` (unix seconds), for one client, as its authorization request asked."""

    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    user: User
    auth_time: int


class _Live(msgspec.Struct, frozen=True, kw_only=True):
    sign_in: SignIn
    kind: Literal["code", "refresh"]
    secret: str
    expires: float


class Grants:
    """In memory. Secrets are compared in constant time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._live: dict[str, _Live] = {}

    def issue_code(self, sign_in: SignIn) -> str:
        """A code for one use within `CODE_SECONDS`."""
        now = self._clock()
        self._live = {name: live for name, live in self._live.items() if live.expires > now}
        if len(self._live) >= MAX_SIGN_INS:
            self._live.pop(next(iter(self._live)))
        return self._issue(secrets.token_urlsafe(16), sign_in, "code", CODE_SECONDS)

    def redeem_code(self, code: str, *, client_id: str, redirect_uri: str, verifier: str) -> tuple[SignIn, str]:
        """The sign-in behind a code, and its first refresh token."""
        name, sign_in = self._take(code, "code", client_id)
        if redirect_uri != sign_in.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not that of the authorization request")
        if not VERIFIER.fullmatch(verifier):
            raise OAuthError("invalid_grant", "code_verifier is missing or malformed")
        derived = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        if not secrets.compare_digest(derived, sign_in.challenge.encode()):
            raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")
        return sign_in, self._issue(name, sign_in, "refresh", REFRESH_SECONDS)

    def redeem_refresh(self, token: str, *, client_id: str) -> tuple[SignIn, str]:
        """The sign-in behind a refresh token, and the refresh token that replaces it."""
        name, sign_in = self._take(token, "refresh", client_id)
        return sign_in, self._issue(name, sign_in, "refresh", REFRESH_SECONDS)

    def revoke(self, token: str, *, client_id: str) -> None:
        """Ends the sign-in of a refresh token; nothing happens for one that is not live, or another client's."""
        with contextlib.suppress(OAuthError):
            self._take(token, "refresh", client_id)

    def _issue(self, name: str, sign_in: SignIn, kind: Literal["code", "refresh"], seconds: int) -> str:
        secret = secrets.token_urlsafe(32)
        self._live[name] = _Live(sign_in=sign_in, kind=kind, secret=secret, expires=self._clock() + seconds)
        return f"{name}.{secret}"

    def _take(self, presented: str, kind: Literal["code", "refresh"], client_id: str) -> tuple[str, SignIn]:
        name, _, secret = presented.partition(".")
        live = self._live.pop(name, None)  # taken before any check: a failed attempt is an attempt
        if (
            live is None
            or live.kind != kind
            or not secrets.compare_digest(live.secret.encode(), secret.encode())
            or live.expires <= self._clock()
        ):
            raise OAuthError("invalid_grant", "unknown, used or expired")
        if live.sign_in.client_id != client_id:
            raise OAuthError("invalid_grant", "issued to another client")
        return name, live.sign_in
