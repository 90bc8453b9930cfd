"""Sealing a credential to a request's own key with HPKE (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
ChaCha20-Poly1305.

    info = SHA256("p0-cred-v1" ‖ 0 ‖ rh ‖ aud)

The key is made for one request, so a later theft of the session key opens nothing. HPKE does not say who sealed: the
agent signs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from p0_access.encoding import b64u, b64u_decode, decode, encode
from p0_access.errors import MalformedError, ProofError
from p0_access.messages.records import CredentialPlaintext, SealingKey

SUITE_NAME: Final = "X25519-HKDF-SHA256-CHACHA20POLY1305"
_PROBE: Final = X25519PrivateKey.from_private_bytes(bytes(31) + b"@")
"""Not a secret: with a point of small order every private key comes to the same, which is refused."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class OpeningKey:
    """The private half of a request's sealing key. It is made from 32 random bytes that the caller draws."""

    __slots__ = ("_private",)

    def __init__(self, secret: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(secret)

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> OpeningKey:
        return cls(random(32))

    @property
    def public(self) -> SealingKey:
        return SealingKey(x=b64u(self._private.public_key().public_bytes_raw()))

    def secret(self) -> bytes:
        """The secret itself, for a key store and nothing else."""
        return self._private.private_bytes_raw()

    def open(self, ct: str, *, rh: str, aud: str) -> CredentialPlaintext:
        """Opens what was sealed for this request and this agent; anything else is refused."""
        try:
            plaintext = _SUITE.decrypt(b64u_decode(ct), self._private, info=_info(rh, aud))
        except (InvalidTag, ValueError) as error:
            raise ProofError("the credential does not open", code="credential_unopenable") from error
        return decode(plaintext, CredentialPlaintext)

    def __repr__(self) -> str:
        return "OpeningKey(…)"


def check_sealing_key(key: SealingKey) -> None:
    """Refuses a key that nothing can be sealed to (RFC 7748, section 6.1), before anything is made that needs it."""
    try:
        _PROBE.exchange(X25519PublicKey.from_public_bytes(b64u_decode(key.x)))
    except ValueError as error:
        raise MalformedError("nothing can be sealed to this key", code="sealing_key") from error


def seal(plaintext: CredentialPlaintext, to: SealingKey, *, rh: str, aud: str) -> str:
    """The sealed credential as base64url; only the holder of `to`'s private half can open it."""
    public = X25519PublicKey.from_public_bytes(b64u_decode(to.x))
    return b64u(_SUITE.encrypt(encode(plaintext), public, info=_info(rh, aud)))


def _info(rh: str, aud: str) -> bytes:
    return hashlib.sha256(b"p0-cred-v1\0" + rh.encode() + aud.encode()).digest()
