"""When to fetch an issuer's signing keys, and how long to believe them: a state machine without I/O.

A shell asks `next_fetch`, gets that document from the issuer itself, feeds in what came (`received`) or that nothing
did (`failed`), and asks again until nothing is left to fetch; then `usable` gives the keys, or says why not.

- keys are fresh for an hour, then the discovery document (OpenID Connect Discovery 1.0, section 4) and the keys are
  fetched again;
- a token that names an unknown key causes a fetch, but at most one in thirty seconds;
- while the issuer does not answer, keys already held do for at most 24 hours;
- each fetch replaces all keys, so a withdrawn key is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from p0_access.encoding import strict_json
from p0_access.errors import MalformedError, ProofError
from p0_access.proof.id_token import KeySet

TTL: Final = 3_600
"""Seconds for which fetched keys are fresh."""

UNKNOWN_KEY_COOLDOWN: Final = 30
"""Seconds between two fetches that are only made because a token names a key that is not there."""

FAILURE_COOLDOWN: Final = 5
"""Seconds before an issuer that did not answer is asked again."""

MAX_STALE: Final = 24 * 3_600
"""Seconds for which fetched keys are believed at most, however long the issuer is away."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """The document to get next, with GET and without following redirects."""

    kind: Literal["discovery", "keys"]
    url: str


class IssuerKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one issuer's keys. Every step returns a new state; times are seconds since the epoch."""

    issuer: str
    jwks_uri: str | None = None
    discovered_at: int = 0
    keys: KeySet | None = None
    fetched_at: int = 0
    failed_at: int | None = None

    def next_fetch(self, key_ids: Iterable[str], now: int) -> Fetch | None:
        """What to fetch before tokens signed by `key_ids` can be verified; None when what is held must do."""
        if self.failed_at is not None and _within(self.failed_at, FAILURE_COOLDOWN, now):
            return None
        if self.keys is not None and _within(self.fetched_at, TTL, now):
            unknown = not set(key_ids) <= self.keys.keys.keys()
            if not unknown or _within(self.fetched_at, UNKNOWN_KEY_COOLDOWN, now):
                return None
        if self.jwks_uri is None or not _within(self.discovered_at, TTL, now):
            return Fetch(kind="discovery", url=self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        return Fetch(kind="keys", url=self.jwks_uri)

    def received(self, fetch: Fetch, unverified_body: bytes, now: int) -> IssuerKeys:
        """The state after `fetch` was answered; a document that is not what it should be counts as no answer."""
        try:
            if fetch.kind == "discovery":
                jwks_uri = _jwks_uri(unverified_body, self.issuer)
                return msgspec.structs.replace(self, jwks_uri=jwks_uri, discovered_at=now, failed_at=None)
            keys = KeySet.parse(unverified_body)
        except MalformedError:
            return self.failed(now)
        return msgspec.structs.replace(self, keys=keys, fetched_at=now, failed_at=None)

    def failed(self, now: int) -> IssuerKeys:
        """The state after a fetch without an answer. Where the keys are is asked anew next time."""
        return msgspec.structs.replace(self, jwks_uri=None, failed_at=now)

    def usable(self, now: int) -> KeySet:
        """The keys to verify with, or `ProofError` with the code `issuer_unavailable`."""
        if self.keys is None or not _within(self.fetched_at, MAX_STALE, now):
            raise ProofError(
                f"the identity provider {self.issuer} does not answer",
                code="issuer_unavailable",
                hint="Try again in a moment; if it stays so, ask who runs the identity provider.",
            )
        return self.keys


def _within(start: int, seconds: int, now: int) -> bool:
    return start <= now < start + seconds


def _jwks_uri(unverified_body: bytes, issuer: str) -> str:
    document = strict_json(unverified_body)
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise MalformedError("the discovery document is another issuer's", code="malformed_discovery")
    uri = document.get("jwks_uri")
    parts = urlsplit(uri) if isinstance(uri, str) else None
    if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        raise MalformedError("the discovery document names no safe place for keys", code="malformed_discovery")
    return str(uri)
