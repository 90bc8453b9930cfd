"""What it costs the agent to verify who asks and who approves, against the bare signatures in it."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import ECAlgorithm

from bench.harness import Table
from p0_access.encoding import b64u_decode
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Act, Approval, Request, What
from p0_access.permissions.permission import canonical, column, connect, usage
from p0_access.proof import commitment
from p0_access.proof.id_token import KeySet, verify_id_token
from p0_access.proof.identity import verify_act, verify_identity
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import OpeningKey
from p0_agent.verification.acts import verify
from p0_launcher.acts import Signer

TITLE: Final = "Verification: a request and an approval, two people, two ID tokens (ES256), two records (Ed25519)"
ROUNDS: Final = 400
AT_MOST: Final = 6
"""Times the bare verifications."""

NOW: Final = 1_800_000_000
ISSUER: Final = TrustedIssuer(issuer="https://id.example", client_ids=("p0",), algorithms=("ES256",))
AGENT: Final = SigningKey(b"\x05" * 32).public.thumbprint
PRIVATE: Final = ec.generate_private_key(ec.SECP256R1())
JWK: Final[dict[str, Any]] = json.loads(ECAlgorithm.to_jwk(PRIVATE.public_key())) | {"kid": "k1", "alg": "ES256"}
KEYS: Final = KeySet.parse(json.dumps({"keys": [JWK]}).encode())


class _Keys:
    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:  # noqa: ARG002 - a KeySource
        return KEYS


async def run(table: Table) -> None:
    request, approval = _acts()
    acts: tuple[tuple[SignedAct, type[Act]], ...] = ((request, Request), (approval, Approval))
    tokens = [act.identity.id_token for act in (request, approval)]
    signed = [_bare(act) for act in (request, approval)]
    public = PRIVATE.public_key()

    def bare() -> None:
        for token_input, token_signature, record_input, record_signature, key in signed:
            public.verify(token_signature, token_input, ec.ECDSA(SHA256()))
            key.verify(record_signature, record_input)

    async def whole() -> None:
        for act, type_ in acts:
            await verify(
                act, type_, audience=f"p0-agent:{AGENT}", issuers={ISSUER.issuer: ISSUER}, key_source=_Keys(),
                aliases={}, now=NOW,
            )  # fmt: skip

    def people() -> list[Any]:
        return [
            verify_identity(act.identity, issuers={ISSUER.issuer: ISSUER}, keys={ISSUER.issuer: KEYS}, now=NOW)
            for act, _ in acts
        ]

    known = people()
    least = table.time("the four signatures alone, by cryptography", bare, rounds=ROUNDS, baseline=True)
    await table.time_async("steps 1 to 5 of the agent, for both", whole, rounds=ROUNDS, limit=AT_MOST * least.median)
    table.time("of these: both people (ID token, commitment)", people, rounds=ROUNDS)
    table.time(
        "  of these: both ID tokens",
        lambda: [verify_id_token(each, issuer=ISSUER, keys=KEYS, now=NOW) for each in tokens],
        rounds=ROUNDS,
    )  # fmt: skip
    table.time(
        "of these: both records",
        lambda: [
            verify_act(act, type_, who, audience=f"p0-agent:{AGENT}", now=NOW)
            for (act, type_), who in zip(acts, known, strict=True)
        ],
        rounds=ROUNDS,
    )


def _acts() -> tuple[SignedAct, SignedAct]:
    permissions = canonical(
        [connect("shop"), usage("sales"), *(column("sales", "orders", f"c{n}", "SELECT") for n in range(20))]
    )
    request = signer("dana").sign_request(
        agent=AGENT, rid="r-abcdefgh", database="shop", what=What(statement=("select * from sales.orders",)),
        reason="Monthly report", ttl=900, one_shot=False, enc=OpeningKey.generate(secrets.token_bytes).public,
    )  # fmt: skip
    approval = signer("pat").sign_approval(
        agent=AGENT, ah="h" * 42 + "A", decision="approve", permissions=permissions, ttl=600, comment="Fine"
    )
    return request, approval


def session(name: str) -> tuple[SigningKey, Identity]:
    """Somebody who has signed in."""
    key = SigningKey.generate(secrets.token_bytes)
    bind = commitment.make_bind(key.public, secrets.token_bytes)
    claims = {
        "iss": ISSUER.issuer, "sub": name, "aud": "p0", "iat": NOW, "exp": NOW + 300, "email": f"{name}@corp.example",
        "email_verified": True, "groups": ["analysts", "engineers"], "nonce": commitment.nonce(bind),
    }  # fmt: skip
    token = jwt.encode(claims, PRIVATE, algorithm="ES256", headers={"kid": "k1"})
    return key, Identity(bind=bind, id_token=token)


def signer(name: str) -> Signer:
    key, identity = session(name)
    return Signer(key=key, identity=identity, clock=lambda: NOW, random=secrets.token_bytes)


def _bare(act: SignedAct) -> tuple[bytes, bytes, bytes, bytes, Any]:
    """What is signed and the signatures over it, ready to be verified."""
    token_input, _, token_signature = act.identity.id_token.rpartition(".")
    record_input, _, record_signature = act.record.rpartition(".")
    raw = b64u_decode(token_signature)
    dss = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = commitment.open_bind(act.identity.bind).jwk
    return token_input.encode(), dss, record_input.encode(), b64u_decode(record_signature), key
