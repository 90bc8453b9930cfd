"""The test vectors of identities: tokens of made-up issuers with fixed keys, good ones and such as are to be refused.

EdDSA signs the same bytes the same way each time, so the files come out the same.
"""

from __future__ import annotations

from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from p0_access.encoding import b64u
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Collect
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import token_hash
from p0_access.proof.issuers import TrustedIssuer, Workloads
from p0_access.proof.keys import SigningKey

PERSON, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))
AUD = f"p0-agent:{SigningKey(bytes(range(32, 64))).public.thumbprint}"
NOW = 1_800_000_000
ID, CI = "https://id.example", "https://ci.example"
SIGNS = {ID: bytes(range(128, 160)), CI: bytes(range(160, 192))}
BIND = commitment.make_bind(PERSON.public, lambda n: bytes(range(n)))
SHORT = commitment.make_bind(PERSON.public, lambda n: bytes(range(n)), max_age=3_600)
ISSUERS = (
    TrustedIssuer(
        issuer=ID,
        client_ids=("p0",),
        paste_client_ids=("p0-paste",),
        algorithms=("EdDSA",),
        email_domains=("corp.example",),
    ),
    TrustedIssuer(issuer=CI, algorithms=("EdDSA",), workloads=Workloads(claims={"repository_id": ("4711",)})),
)


def jwks(issuer: str) -> dict[str, Any]:
    public = SigningKey(SIGNS[issuer]).public
    return {"keys": [msgspec.to_builtins(public) | {"kid": "k1", "use": "sig", "alg": "EdDSA"}]}


def token(issuer: str = ID, **changes: Any) -> str:
    claims = {
        "iss": issuer,
        "sub": "dana",
        "aud": "p0",
        "iat": NOW,
        "exp": NOW + 300,
        "email": "dana@corp.example",
        "email_verified": True,
        "groups": ["analysts"],
    } | changes
    key = Ed25519PrivateKey.from_private_bytes(SIGNS[issuer])
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm="EdDSA", headers={"kid": "k1"})


def session(bind: str = BIND, **changes: Any) -> str:
    return token(**{"nonce": commitment.nonce(bind)} | changes)


def pasted(**changes: Any) -> str:
    return session(SHORT, **{"aud": "p0-paste"} | changes)


def workload(bind: str = BIND, **changes: Any) -> str:
    none: dict[str, Any] = dict.fromkeys(("email", "email_verified", "groups"))
    own: dict[str, Any] = {
        "sub": "repo:corp/app:ref:main",
        "aud": commitment.workload_audience(bind),
        "repository_id": "4711",
    }
    claims: dict[str, Any] = none | own | changes
    return token(CI, **claims)


def act(id_token: str, *, bind: str = BIND, fresh: str | None = None, at: int = NOW, aud: str = AUD) -> SignedAct:
    """A collection, signed `at` beside these tokens."""
    record = Collect(
        aud=aud,
        idh=token_hash(id_token),
        fresh=None if fresh is None else token_hash(fresh),
        iat=at,
        exp=at + 120,
        jti="j" * 22,
        rh="r" * 42 + "A",
        ah="h" * 42 + "A",
    )
    return SignedAct(record=jws.sign(record, PERSON), identity=Identity(bind=bind, id_token=id_token, fresh=fresh))


def stepping_up(signed: SignedAct, *, made_for: SignedAct | None = None, **changes: Any) -> SignedAct:
    nonce = commitment.step_up_nonce(signed.identity.bind, jws.record_hash((made_for or signed).record))
    claims: dict[str, Any] = {"nonce": nonce, "auth_time": NOW, "acr": "phr", "amr": ["hwk", "user"]}
    step_up = token(**claims | changes)
    return SignedAct(record=signed.record, identity=msgspec.structs.replace(signed.identity, step_up=step_up))


def beside(signed: SignedAct, **changes: str) -> SignedAct:
    return SignedAct(record=signed.record, identity=msgspec.structs.replace(signed.identity, **changes))


LATER = NOW + 1_000


def accepted() -> dict[str, tuple[SignedAct, int]]:
    """With the time at which each is."""
    login, program, refreshed = session(), workload(), token(iat=LATER, exp=LATER + 300)
    return {
        "a login": (act(login), NOW),
        "a login that has expired, with a refreshed token": (act(login, fresh=refreshed, at=LATER), LATER),
        "a sign-in for this act": (stepping_up(act(login)), NOW),
        "a pasted login": (act(pasted(), bind=SHORT), NOW),
        "a workload": (act(program), NOW),
    }


def refused() -> dict[str, list[tuple[str, SignedAct, int]]]:
    """By code."""
    login, signed = session(), act(session())
    other = act(login, at=NOW + 1)
    return {
        "issuer_unknown": [("another issuer", act(session(iss="https://evil.example")), NOW)],
        "token_audience": [
            ("another client's token", act(session(aud="website")), NOW),
            ("a workload's token for something else", act(workload(aud="sts.example")), NOW),
        ],
        "token_expired": [("an expired login", act(login, at=LATER), LATER)],
        "token_not_yet_valid": [("a token of tomorrow", act(session(iat=NOW + 86_400, exp=NOW + 90_000)), NOW)],
        "nonce_mismatch": [
            ("a login for another key", act(session(commitment.make_bind(OTHER.public, bytes))), NOW),
            ("a sign-in for this act in place of the login", beside(signed, id_token=step_up_of(signed)), NOW),
        ],
        "audience_mismatch": [("a workload's token for another key", act(workload(SHORT)), NOW)],
        "workload_claims": [("another workload", act(workload(repository_id="4712")), NOW)],
        "session_too_old": [
            ("a pasted login after an hour", act(pasted(exp=NOW + 9_000), bind=SHORT), NOW + 3_600)
        ],
        "fresh_mismatch": [("somebody else's refreshed token", act(login, fresh=token(sub="eve")), NOW)],
        "fresh_older": [("a refreshed token of before the login", act(login, fresh=token(iat=NOW - 1)), NOW)],
        "act_identity": [("another login of the same person", beside(signed, id_token=session(iat=NOW - 1)), NOW)],
        "act_fresh": [("a refreshed token that the act does not name", beside(signed, fresh=token()), NOW)],
        "act_audience": [("an act for another agent", act(login, aud="p0-agent:" + "A" * 43), NOW)],
        "act_expired": [("an act that is over", signed, NOW + 120)],
        "step_up_nonce": [
            ("a sign-in for another act", stepping_up(signed, made_for=other), NOW),
            ("the login in place of a sign-in for this act", beside(signed, step_up=login), NOW),
        ],
        "step_up_subject": [("somebody else's sign-in", stepping_up(signed, sub="eve"), NOW)],
        "step_up_client": [
            ("a sign-in for this act beside a pasted login", stepping_up(act(pasted(), bind=SHORT)), NOW)
        ],
        "step_up_older": [("a sign-in of before", stepping_up(signed, auth_time=NOW - 61), NOW)],
        "step_up_auth_time": [("a sign-in of some time", stepping_up(signed, auth_time=None), NOW)],
    }  # fmt: skip


def step_up_of(signed: SignedAct) -> str:
    return stepping_up(signed).identity.step_up or ""


def identity_vectors() -> dict[str, Any]:
    def shown(name: str, signed: SignedAct, at: int) -> dict[str, Any]:
        return {"name": name, "now": at, "record": signed.record, "identity": msgspec.to_builtins(signed.identity)}

    return {
        "audience": AUD,
        "signer": b64u(PERSON.seed()),
        "issuers": [msgspec.to_builtins(issuer) for issuer in ISSUERS],
        "jwks": {issuer.issuer: jwks(issuer.issuer) for issuer in ISSUERS},
        "accepted": [shown(name, signed, at) for name, (signed, at) in accepted().items()],
        "refused": {code: [shown(*case) for case in cases] for code, cases in refused().items()},
    }
