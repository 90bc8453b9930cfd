"""The development provider's signing keys: made at start, in memory only, the newest signs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from p0_demo.identity_provider.settings import Algorithm

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey
Jwk = dict[str, Any]


class SigningKeys:
    """Signs with the newest key; publishes every key that was not withdrawn."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._published: list[Jwk] = []
        self.rotate(algorithm)

    def rotate(self, algorithm: Algorithm, *, withdraw: bool = False) -> None:
        """Sign with a new key from now on. `withdraw` stops publishing the earlier ones."""
        self._algorithm: Algorithm = algorithm
        self._key, public = _generate(algorithm)
        self._key_id = secrets.token_urlsafe(12)
        published = {**public, "kid": self._key_id, "use": "sig", "alg": algorithm}
        self._published = [published] if withdraw else [*self._published, published]

    def jwks(self) -> dict[str, list[Jwk]]:
        """The JWK Set document (RFC 7517, section 5), public parts only."""
        return {"keys": list(self._published)}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a compact JWT."""
        return jwt.encode(dict(claims), self._key, algorithm=self._algorithm, headers={"kid": self._key_id})

    @property
    def algorithms(self) -> list[str]:
        """What the published keys are for, sorted."""
        return sorted({key["alg"] for key in self._published})


def _generate(algorithm: Algorithm) -> tuple[PrivateKey, Jwk]:
    match algorithm:
        case "ES256":
            curve_key = generate_private_key(SECP256R1())
            return curve_key, ECAlgorithm.to_jwk(curve_key.public_key(), as_dict=True)
        case "EdDSA":
            edwards_key = Ed25519PrivateKey.generate()
            return edwards_key, OKPAlgorithm.to_jwk(edwards_key.public_key(), as_dict=True)
        case "RS256":
            rsa_key = generate_rsa_key(public_exponent=65537, key_size=2048)
            return rsa_key, RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True)
