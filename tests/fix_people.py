"""People with session keys and ID tokens, and the issuer that vouches for them: no network, every claim at hand."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from p0_access.messages.identity import Identity, SignedAct
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import KeySet
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import SigningKey
from p0_launcher.acts import Signer

CLIENT = "p0"


@dataclass(kw_only=True)
class Issuer:
    """An identity provider. As a `KeySource` it gives its own keys, as if they had just been fetched."""

    url: str = "https://id.example"
    domain: str = "corp.example"
    kid: str = "k1"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def trusted(self) -> TrustedIssuer:
        return TrustedIssuer(issuer=self.url, client_ids=(CLIENT,), algorithms=("ES256",), email_domains=(self.domain,))

    def key_set(self) -> KeySet:
        jwk: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.private.public_key()))
        return KeySet.parse(json.dumps({"keys": [jwk | {"kid": self.kid, "use": "sig", "alg": "ES256"}]}).encode())

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        assert issuer.issuer == self.url
        assert unverified_tokens
        return self.key_set()

    def token(self, **claims: Any) -> str:
        return jwt.encode(claims, self.private, algorithm="ES256", headers={"kid": self.kid})


@dataclass(kw_only=True)
class Person:
    """Somebody who signed in. `clock` gives seconds since the epoch."""

    name: str
    groups: tuple[str, ...]
    issuer: Issuer
    clock: Callable[[], float]
    key: SigningKey = field(default_factory=lambda: SigningKey.generate(secrets.token_bytes))
    token_seconds: int = 300

    def __post_init__(self) -> None:
        self.bind = commitment.make_bind(self.key.public, secrets.token_bytes)
        self.id_token = self.token(nonce=commitment.nonce(self.bind))

    def token(self, **changes: Any) -> str:
        now = int(self.clock())
        claims: dict[str, Any] = {
            "iss": self.issuer.url,
            "sub": self.name,
            "aud": CLIENT,
            "iat": now,
            "exp": now + self.token_seconds,
            "email": f"{self.name}@{self.issuer.domain}",
            "email_verified": True,
            "groups": list(self.groups),
        }
        return self.issuer.token(**claims | changes)

    @property
    def identity(self) -> Identity:
        return Identity(bind=self.bind, id_token=self.id_token)

    @property
    def signer(self) -> Signer:
        """As the launcher signs."""
        return self.signing()

    def stepping_up(self, signed: SignedAct, **claims: Any) -> SignedAct:
        """The same act with a sign-in that was made for it, now."""
        made_for = commitment.step_up_nonce(self.bind, jws.record_hash(signed.record))
        token = self.token(**{"nonce": made_for, "auth_time": int(self.clock())} | claims)
        return SignedAct(record=signed.record, identity=msgspec.structs.replace(signed.identity, step_up=token))

    def signing(self, beside: Identity | None = None) -> Signer:
        """As the launcher signs, `beside` any tokens."""
        return Signer(key=self.key, identity=beside or self.identity, clock=self.clock, random=secrets.token_bytes)
