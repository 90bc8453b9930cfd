"""Authorization requests (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1), read from their parameters.

Pure: knows neither users nor HTTP. A request whose client or redirect can't be trusted is never answered by a redirect.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from p0_demo.identity_provider.errors import OAuthError
from p0_demo.identity_provider.grants import CHALLENGE

REDIRECT: Final = re.compile(r"http://127\.0\.0\.1:([1-9][0-9]{0,4})/callback")
"""Native clients listen on any free loopback port (RFC 8252, section 7.3)."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the answer to an authorization request may go."""

    client_id: str
    redirect_uri: str
    state: str | None

    def answer(self, issuer: str, **parameters: str) -> str:
        """The redirect that answers, with `state` and `iss` (RFC 9207)."""
        state = {} if self.state is None else {"state": self.state}
        return f"{self.redirect_uri}?{urlencode({**parameters, **state, 'iss': issuer})}"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization request asks for, beside its target."""

    challenge: str
    nonce: str | None
    login_hint: str | None
    silent: bool


def single_parameters(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name. None may come twice, and an empty one counts as absent (RFC 6749, section 3.1)."""
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise OAuthError("invalid_request", "a parameter comes twice")
    return {name: value for name, value in pairs if value}


def read_target(parameters: dict[str, str], client_ids: Collection[str]) -> Target:
    """Who asks, and where to answer. An error here is for the person's eyes, not for a redirect."""
    client_id, redirect_uri = parameters.get("client_id", ""), parameters.get("redirect_uri", "")
    if client_id not in client_ids:
        raise OAuthError("invalid_request", "client_id is not registered")
    match = REDIRECT.fullmatch(redirect_uri)
    if match is None or int(match[1]) > 65_535:
        raise OAuthError("invalid_request", "redirect_uri must be http://127.0.0.1:<port>/callback")
    return Target(client_id=client_id, redirect_uri=redirect_uri, state=parameters.get("state"))


def read_wish(parameters: dict[str, str]) -> Wish:
    """What is asked for. An error here goes back to the client."""
    if "request" in parameters:
        raise OAuthError("request_not_supported", "request objects are not supported")
    if "request_uri" in parameters:
        raise OAuthError("request_uri_not_supported", "request objects are not supported")
    if parameters.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if parameters.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query")
    if "openid" not in parameters.get("scope", "").split(" "):
        raise OAuthError("invalid_scope", "scope must contain openid")
    if parameters.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(
        parameters.get("code_challenge", "")
    ):
        raise OAuthError("invalid_request", "PKCE is required: code_challenge with code_challenge_method S256")
    return Wish(
        challenge=parameters["code_challenge"],
        nonce=parameters.get("nonce"),
        login_hint=parameters.get("login_hint"),
        silent=parameters.get("prompt") == "none",
    )
