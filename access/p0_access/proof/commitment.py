"""The commitment of a session key in the OIDC nonce, so that an ID token binds a person to a key (as OpenPubkey does).

    bind  = UTF-8 JSON, carried verbatim as base64url
    nonce = b64u(SHA256("p0-bind-v1" ‖ 0 ‖ u64be(len(bind)) ‖ bind))

Who holds the ID token but not the key can do nothing with it, and nobody can make another key fit the nonce.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from p0_access.encoding import b64u, b64u_decode, decode, encode, tagged_hash
from p0_access.proof.keys import PublicKey

WORKLOAD_AUDIENCE: Final = "p0-bind:v1:"
"""What the audience starts with that a workload's token commits to its key in: its platform takes no nonce."""

DEFAULT_MAX_AGE: Final = 43_200
"""Seconds a session key may be used after its login: twelve hours."""


class Bind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rz` hides the key from the identity provider; `max_age` (seconds) is part of what is committed."""

    v: Literal[1] = 1
    jwk: PublicKey
    rz: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
    use: Literal["session"] = "session"
    max_age: Annotated[int, Meta(ge=60, le=DEFAULT_MAX_AGE)] = DEFAULT_MAX_AGE


def make_bind(key: PublicKey, random: Callable[[int], bytes], *, max_age: int = DEFAULT_MAX_AGE) -> str:
    """A new bind for `key`, as it travels."""
    return b64u(encode(Bind(jwk=key, rz=b64u(random(32)), max_age=max_age)))


def open_bind(bind: str) -> Bind:
    return decode(b64u_decode(bind), Bind, max_bytes=1024)


def nonce(bind: str) -> str:
    """The nonce that a login with this bind asks for."""
    return tagged_hash(b"p0-bind-v1", b64u_decode(bind))


def workload_audience(bind: str) -> str:
    """The audience that a workload with this bind asks its platform for."""
    return WORKLOAD_AUDIENCE + nonce(bind)


def step_up_nonce(bind: str, act_hash: str) -> str:
    """The nonce of a login made for one act: b64u(SHA256("p0-stepup-v1" ‖ 0 ‖ SHA256(bind) ‖ hash of the act))."""
    committed = hashlib.sha256(b64u_decode(bind)).digest()
    return b64u(hashlib.sha256(b"p0-stepup-v1\0" + committed + b64u_decode(act_hash)).digest())
