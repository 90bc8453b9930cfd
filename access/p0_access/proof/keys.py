"""Ed25519 keys (RFC 8037): a person's session key, an agent's key, and the public halves as JWKs with RFC 7638
thumbprints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from p0_access.encoding import b64u, b64u_decode
from p0_access.errors import MalformedError, ProofError

if TYPE_CHECKING:  # where keys are used it is imported: who only handles records doesn't wait for it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_BYTES = 32


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public Ed25519 key as a JWK. The members stand in the order that RFC 7638 hashes them in."""

    crv: Literal["Ed25519"] = "Ed25519"
    kty: Literal["OKP"] = "OKP"
    x: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]

    @property
    def thumbprint(self) -> str:
        """b64u of SHA-256 over the JWK's required members in lexical order (RFC 7638, section 3)."""
        return b64u(hashlib.sha256(msgspec.json.encode(self)).digest())

    def verify(self, signature: bytes, message: bytes) -> None:
        """Returns if `signature` is this key's over `message`, else raises `ProofError`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(b64u_decode(self.x)).verify(signature, message)
        except (InvalidSignature, ValueError, MalformedError) as error:
            raise ProofError("the signature does not hold", code="signature_invalid") from error


class SigningKey:
    """A private Ed25519 key. It is made from 32 random bytes that the caller draws, and never shown."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(seed) != SEED_BYTES:
            raise MalformedError("an Ed25519 seed has 32 bytes", code="key_malformed")
        self._private: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(x=b64u(self._private.public_key().public_bytes_raw()))

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> SigningKey:
        """`random(n)` returns n unpredictable bytes, as `secrets.token_bytes` does."""
        return cls(random(SEED_BYTES))

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    def seed(self) -> bytes:
        """The secret itself, for a key store and nothing else."""
        return self._private.private_bytes_raw()

    def __repr__(self) -> str:
        return f"SigningKey({self.public.thumbprint})"
