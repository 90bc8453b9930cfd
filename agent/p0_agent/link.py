"""The agent's side of the server's API: it always calls, and never listens. Each call proves the agent's key.

Whatever comes back is unverified: a job's signed records are verified by `p0_agent.core`, the rest is not believed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from p0_access.certificates import TRUSTED_BY, untrusted
from p0_access.encoding import b64u, decode, encode
from p0_access.errors import MalformedError
from p0_access.messages.job import AgentReport, Announcement, CatalogUpload, Job, Result
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove
from p0_agent.errors import ServerUnavailableError

CLAIM_WAIT: Final = 25
"""Seconds that a claim waits at the server for a job to come."""

_TIMEOUT: Final = httpx.Timeout(10, read=CLAIM_WAIT + 10)
_MAX_CLAIM_BYTES: Final = 8 * 1024 * 1024


class _Claimed(msgspec.Struct, frozen=True, kw_only=True):
    jobs: tuple[Job, ...]


class _Announced(msgspec.Struct, frozen=True, kw_only=True):
    rules_sha256: str


class ServerLink:
    """One connection pool to the server. `clock` gives seconds since the epoch, `random(n)` n unpredictable bytes."""

    def __init__(
        self, base_url: str, key: SigningKey, *, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._base = base_url.rstrip("/")
        self._key = key
        self._clock = clock
        self._random = random
        self._first = True
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=False, verify=trusted(self._base)
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def announce(self, announcement: Announcement) -> str:
        """The SHA-256 of the rules by which the server tells people what to expect."""
        return _rules(await self._call("POST", "/v1/agent/announce", announcement))

    async def standing(self) -> str:
        """The same, without saying anything. Raises where the server doesn't know this agent."""
        return _rules(await self._call("GET", "/v1/agent/standing", None))

    async def claim(self, wait: int = CLAIM_WAIT) -> tuple[Job, ...]:
        """Jobs under a lease; empty when none came within `wait` seconds. What a process before this one had in hand
        comes with the first."""
        answer = await self._call("POST", "/v1/agent/claim", {"wait": wait, "first": self._first})
        self._first = False
        try:
            return decode(answer, _Claimed, max_bytes=_MAX_CLAIM_BYTES).jobs
        except MalformedError as error:
            raise ServerUnavailableError(f"the server handed out no job but {error}", code="server_answer") from error

    async def result(self, result: Result) -> None:
        await self._call("POST", "/v1/agent/results", result)

    async def publish(self, database: str, upload: CatalogUpload) -> None:
        await self._call("PUT", f"/v1/agent/catalogs/{quote(database, safe='')}", upload)

    async def report(self, report: AgentReport) -> None:
        await self._call("POST", "/v1/agent/reports", report)

    async def _call(self, method: str, path: str, body: Any) -> bytes:
        """`body` None is none."""
        url = httpx.URL(self._base + path)
        credential = self._key.public.thumbprint
        proof = prove(
            self._key,
            method=method,
            url=str(url),
            credential=credential,
            now=int(self._clock()),
            jti=b64u(self._random(16)),
        )
        headers = {"Authorization": f"P0-Agent {credential}", "DPoP": proof, "Content-Type": "application/json"}
        try:
            content = None if body is None else encode(body)
            response = await self._client.request(method, url, content=content, headers=headers)
        except httpx.HTTPError as error:
            if (problem := untrusted(error)) is not None:
                raise ServerUnavailableError(
                    f"the certificate of {self._base} is not trusted: {problem}",
                    code="server_untrusted",
                    hint=TRUSTED_BY,
                ) from error
            raise ServerUnavailableError(
                f"the server at {self._base} does not answer", code="server_unavailable"
            ) from error
        if response.status_code >= 400:
            raise ServerUnavailableError(
                f"the server at {self._base} answered {response.status_code} to {method} {path}: {_reason(response)}",
                code="stale_lease" if response.status_code == 409 else "server_refused",
            )
        return response.content


def trusted(url: str) -> ssl.SSLContext | bool:
    """What the server's certificate is held against: the file of SSL_CERT_FILE, or the public CAs."""
    return url.startswith("https://") and httpx.create_ssl_context()


def _rules(answer: bytes) -> str:
    """Only for people to compare."""
    try:
        return msgspec.json.decode(answer, type=_Announced).rules_sha256
    except msgspec.MsgspecError as error:
        raise ServerUnavailableError("the server does not say its rules", code="server_answer") from error


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
