"""Fetches issuers' signing keys from the issuers themselves, never through the server.

`p0_access.proof.jwks` decides when to fetch and for how long to believe; this gets the documents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import httpx

from p0_access.encoding import MAX_RECORD_BYTES
from p0_access.proof.id_token import KeySet, unverified_key_id
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.jwks import IssuerKeys

TIMEOUT_SECONDS: Final = 5.0


class IssuerKeyCache:
    """A `KeySource` for all configured issuers. `clock` gives seconds since the epoch."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        self._states: dict[str, IssuerKeys] = {}
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        await self._client.aclose()

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        """The keys to verify these tokens with; `ProofError` (`issuer_unavailable`) when the issuer gives none."""
        wanted = frozenset(unverified_key_id(token) for token in unverified_tokens)
        now = int(self._clock())
        async with self._turn:
            state = self._states.get(issuer.issuer, IssuerKeys(issuer=issuer.issuer))
            while (fetch := state.next_fetch(wanted, now)) is not None:
                body = await self._get(fetch.url)
                state = state.failed(now) if body is None else state.received(fetch, body, now)
            self._states[issuer.issuer] = state
        return state.usable(now)

    async def _get(self, url: str) -> bytes | None:
        try:
            async with self._client.stream("GET", url) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_RECORD_BYTES:
                        return None
                return bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
