"""Signed webhooks: a POST of JSON, signed as Standard Webhooks 1.0 has it (standardwebhooks.com).

    webhook-id          the notice's own; the same at each attempt
    webhook-timestamp   seconds since the epoch, of this attempt
    webhook-signature   for each secret "v1," and base64 of HMAC-SHA256 over "id.timestamp.body", with spaces between

It goes to the configured URL and nowhere else: redirects are failures, and what the receiver says is not read.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import msgspec

from p0_access.encoding import encode
from p0_access.secret import Secret
from p0_server.errors import ConfigurationError
from p0_server.notices.errors import DeliveryError
from p0_server.notices.notice import Notice

PREFIX: Final = "whsec_"
MIN_SECRET_BYTES: Final = 24
MAX_SECRETS: Final = 4
TIMEOUT_SECONDS: Final = 10.0


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is `request.` and the notice's kind; `timestamp` (RFC 3339) is when it happened."""

    type: str
    timestamp: str
    data: Any


def body(notice: Notice) -> bytes:
    happened = datetime.fromtimestamp(notice.at, UTC).isoformat()
    return encode(Body(type=f"request.{notice.kind}", timestamp=happened, data=notice))


def parse_secrets(text: Secret, *, source: str) -> tuple[Secret, ...]:
    """One a line, the newest first: `whsec_` and base64 of at least 24 bytes. Empty lines and those with # are not
    looked at."""
    lines = [line.strip() for line in text.reveal().splitlines()]
    found = tuple(Secret(line) for line in lines if line and not line.startswith("#"))
    if not 1 <= len(found) <= MAX_SECRETS or any(_key(each) is None for each in found):
        raise ConfigurationError(
            f"{source} does not hold one to {MAX_SECRETS} webhook secrets",
            code="notice_secret",
            hint=f'One a line: echo "{PREFIX}$(openssl rand -base64 32)"',
        )
    return found


def signatures(name: str, at: int, sent: bytes, secrets: tuple[Secret, ...]) -> str:
    signed = b"%s.%d.%s" % (name.encode(), at, sent)
    keys = [_key(secret) for secret in secrets]
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys if key is not None
    )


async def post(
    client: httpx.AsyncClient, url: str, notice: Notice, *, name: str, at: int, secrets: tuple[Secret, ...]
) -> None:
    """Raises `DeliveryError` unless the receiver says 2xx. `client` must not follow redirects."""
    sent = body(notice)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "p0-server",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": signatures(name, at, sent, secrets),
    }
    try:
        async with client.stream("POST", url, content=sent, headers=headers, timeout=TIMEOUT_SECONDS) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeliveryError(f"not reached: {type(error).__name__}") from error
    if not 200 <= status < 300:
        raise DeliveryError(f"answered {status}")


def _key(secret: Secret) -> bytes | None:
    try:
        key = base64.b64decode(secret.reveal().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.reveal().startswith(PREFIX) and len(key) >= MIN_SECRET_BYTES else None
