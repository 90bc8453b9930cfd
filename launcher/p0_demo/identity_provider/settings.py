"""Who can sign in at the development provider, and how it behaves."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

CLIENT_ID: Final = "p0-launcher"
"""The public native client that is registered unless others are given."""

Algorithm = Literal["ES256", "RS256", "EdDSA"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person. Every ID token about them carries all of this."""

    sub: str
    email: str
    groups: tuple[str, ...] = ()
    email_verified: bool = True


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What real providers do differently, and what goes wrong with them.

    `auto_login` is the `sub` or address of whoever is signed in without being asked. `nonce_on_refresh` is whether a
    refreshed ID token repeats the nonce (Keycloak and Google drop it), `token_on_refresh` whether there is one at all
    (OpenID Connect Core leaves that open). `token_seconds` is an ID token's lifetime.
    `algorithm` is what the next signing key is for. In an `outage` every request is answered 503. `acr` and `amr` are
    how people sign in; with `remembers` (seconds ago) nobody is asked, whatever the client wishes. With `takes_claims`
    it says that it knows the parameter `claims`.
    """

    auto_login: str | None = None
    nonce_on_refresh: bool = True
    token_on_refresh: bool = True
    token_seconds: int = 300
    algorithm: Algorithm = "ES256"
    outage: bool = False
    acr: str | None = None
    amr: tuple[str, ...] = ()
    remembers: int = 0
    takes_claims: bool = False
