"""Fetches issuers' signing keys from the issuers themselves; `p0_access.proof.jwks` decides when, and for how long.

Redirects are not followed and bodies are capped: an issuer is configured by its exact URL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import httpx

from p0_access.encoding import MAX_RECORD_BYTES
from p0_access.errors import ProofError
from p0_access.proof.id_token import KeySet, unverified_key_id
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.jwks import Fetch, IssuerKeys
from p0_server.errors import UnavailableError

TIMEOUT_SECONDS: Final = 5.0


class KeyFetcher:
    """One cache for all issuers. Callers that need the same issuer at the same time share one fetch.

    `client` must not follow redirects; `clock` gives seconds since the epoch.
    """

    def __init__(self, client: httpx.AsyncClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._states: dict[str, IssuerKeys] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        """The keys to verify these tokens with; raises `UnavailableError` when the issuer gave none in time."""
        wanted = frozenset(unverified_key_id(token) for token in unverified_tokens)
        async with self._turns.setdefault(issuer.issuer, asyncio.Lock()):
            state = self._states.get(issuer.issuer, IssuerKeys(issuer=issuer.issuer))
            while (fetch := state.next_fetch(wanted, self._now())) is not None:
                body = await self._get(fetch)
                state = state.failed(self._now()) if body is None else state.received(fetch, body, self._now())
            self._states[issuer.issuer] = state
        try:
            return state.usable(self._now())
        except ProofError as error:
            raise UnavailableError(str(error), code=error.code, hint=error.hint) from error

    async def _get(self, fetch: Fetch) -> bytes | None:
        try:
            async with self._client.stream("GET", fetch.url, timeout=TIMEOUT_SECONDS) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_RECORD_BYTES:
                        return None
                return body
        except (httpx.HTTPError, httpx.InvalidURL):
            return None

    def _now(self) -> int:
        return int(self._clock())
