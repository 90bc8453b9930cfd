"""From tokens to a person: the commitment, the refreshed token, the act; one wrong thing at a time."""

from __future__ import annotations

import json
import secrets
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from p0_access.errors import P0Error
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Collect, End
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import KeySet, token_hash
from p0_access.proof.identity import VerifiedIdentity, verify_act, verify_identity
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove, verify_possession

NOW = 1_800_000_000
ISSUER = "https://id.example"
AUDIENCE = "p0-agent:" + "a" * 43
SESSION = SigningKey(b"\x07" * 32)
BIND = commitment.make_bind(SESSION.public, secrets.token_bytes)
TRUSTED = TrustedIssuer(issuer=ISSUER, client_ids=("p0",), algorithms=("ES256",), email_domains=("corp.example",))
PRIVATE = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return public | {"kid": kid, "use": "sig", "alg": "ES256"}


KEYS = {ISSUER: KeySet.parse(json.dumps({"keys": [jwk_of(PRIVATE, "k1")]}).encode())}


def token(*, key: Any = PRIVATE, kid: str = "k1", alg: str = "ES256", typ: str = "JWT", **changes: Any) -> str:
    claims = {
        "iss": ISSUER,
        "sub": "dana",
        "aud": "p0",
        "iat": NOW - 10,
        "exp": NOW + 300,
        "nonce": commitment.nonce(BIND),
        "email": "Dana@corp.example",
        "email_verified": True,
        "groups": ["analysts", "analysts", "sre"],
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid, "typ": typ})


def verify(identity: Identity, *, now: int = NOW) -> VerifiedIdentity:
    return verify_identity(identity, issuers={ISSUER: TRUSTED}, keys=KEYS, now=now)


def refusal(identity: Identity, *, now: int = NOW) -> str:
    with pytest.raises(P0Error) as caught:
        verify(identity, now=now)
    return caught.value.code


def test_a_person_is_known_by_issuer_and_subject_with_a_verified_address() -> None:
    person = verify(Identity(bind=BIND, id_token=token()))
    assert (person.subject.iss, person.subject.sub, person.subject.email) == (ISSUER, "dana", "dana@corp.example")
    assert person.groups == ("analysts", "sre")
    assert person.key == SESSION.public
    assert person.current_until == NOW + 300


@pytest.mark.parametrize(
    ("changes", "email"),
    [
        ({"email_verified": False}, None),
        ({"email_verified": "true"}, None),
        ({"email": "dana@elsewhere.example"}, None),
        ({"email": "dana@corp.example@evil.example"}, None),
        ({"email": "dana@evil.example@corp.example"}, None),
        ({"email": "@corp.example"}, None),
        ({"email": None}, None),
    ],
)
def test_an_address_counts_only_if_verified_and_in_a_domain_of_the_issuer(
    changes: dict[str, Any], email: str | None
) -> None:
    assert verify(Identity(bind=BIND, id_token=token(**changes))).subject.email == email


OTHER_BIND = commitment.make_bind(SigningKey(b"\x08" * 32).public, secrets.token_bytes)


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        (Identity(bind=OTHER_BIND, id_token=token()), "nonce_mismatch"),
        (Identity(bind=BIND, id_token=token(nonce=None)), "nonce_mismatch"),
        (Identity(bind=BIND, id_token=token(iss="https://evil.example")), "issuer_unknown"),
        (Identity(bind=BIND, id_token=token(aud="web")), "token_audience"),
        (Identity(bind=BIND, id_token=token(aud=["p0", "web"])), "token_audience"),
        (Identity(bind=BIND, id_token=token(aud=["p0", "web"], azp="web")), "token_audience"),
        (Identity(bind=BIND, id_token=token(azp="web")), "token_audience"),
        (Identity(bind=BIND, id_token=token(exp=NOW - 61)), "token_expired"),
        (Identity(bind=BIND, id_token=token(iat=NOW + 61)), "token_not_yet_valid"),
        (Identity(bind=BIND, id_token=token(nbf=NOW + 61)), "token_not_yet_valid"),
        (Identity(bind=BIND, id_token=token(key=STRANGER)), "token_signature"),
        (Identity(bind=BIND, id_token=token(kid="k2")), "token_key_unknown"),
        (Identity(bind=BIND, id_token=token(key="s" * 32, alg="HS256")), "token_algorithm"),
        (Identity(bind=BIND, id_token=token(typ="at+jwt")), "token_type"),
        (Identity(bind=BIND, id_token=token(sub="")), "token_subject"),
        (Identity(bind=BIND, id_token=token(groups="admins")), "token_groups"),
        (Identity(bind=BIND, id_token=token(iat=NOW - 43_201)), "session_too_old"),
        (Identity(bind=BIND, id_token="x.y"), "malformed_token"),
        (Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(sub="eve", nonce=None)), "fresh_mismatch"),
        (Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(iat=NOW - 11)), "fresh_older"),
        (Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(exp=NOW - 61)), "token_expired"),
        (Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(key=STRANGER)), "token_signature"),
    ],
)
def test_anyone_else_is_refused_with_a_code_of_its_own(identity: Identity, code: str) -> None:
    assert refusal(identity) == code


def test_after_the_login_token_expired_a_refreshed_one_carries_on_with_its_own_groups() -> None:
    identity = Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(nonce=None, groups=["privacy"]))
    person = verify(identity)
    assert person.groups == ("privacy",)
    assert person.fresh == token_hash(identity.fresh or "")


def act(identity: VerifiedIdentity, **changes: Any) -> Collect:
    fields: dict[str, Any] = {
        "aud": AUDIENCE,
        "idh": identity.idh,
        "fresh": identity.fresh,
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "j" * 22,
        "rh": "r" * 43,
        "ah": "a" * 43,
    }
    return Collect(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "p0-agent:" + "b" * 43}, "act_audience"),
        ({"idh": "x" * 43}, "act_identity"),
        ({"fresh": "x" * 43}, "act_fresh"),
        ({"iat": NOW + 61}, "act_early"),
        ({"iat": NOW - 200, "exp": NOW}, "act_expired"),
        ({"exp": NOW + 8 * 24 * 3600}, "act_expired"),
    ],
)
def test_an_act_holds_for_one_agent_one_login_and_a_while(changes: dict[str, Any], code: str) -> None:
    identity = Identity(bind=BIND, id_token=token())
    person = verify(identity)
    good = SignedAct(record=jws.sign(act(person), SESSION), identity=identity)
    assert verify_act(good, Collect, person, audience=AUDIENCE, now=NOW).record.rh == "r" * 43
    bad = SignedAct(record=jws.sign(act(person, **changes), SESSION), identity=identity)
    with pytest.raises(P0Error) as caught:
        verify_act(bad, Collect, person, audience=AUDIENCE, now=NOW)
    assert caught.value.code == code


def test_an_act_signed_by_another_key_or_of_another_kind_is_refused() -> None:
    identity = Identity(bind=BIND, id_token=token())
    person = verify(identity)
    by_another = SignedAct(record=jws.sign(act(person), SigningKey(b"\x09" * 32)), identity=identity)
    with pytest.raises(P0Error) as caught:
        verify_act(by_another, Collect, person, audience=AUDIENCE, now=NOW)
    assert caught.value.code == "record_key"
    good = SignedAct(record=jws.sign(act(person), SESSION), identity=identity)
    with pytest.raises(P0Error) as caught:
        verify_act(good, End, person, audience=AUDIENCE, now=NOW)
    assert caught.value.code == "record_type"


def test_a_step_up_nonce_is_for_one_session_and_one_act() -> None:
    nonces = {
        commitment.step_up_nonce(BIND, "A" * 43),
        commitment.step_up_nonce(OTHER_BIND, "A" * 43),
        commitment.step_up_nonce(BIND, "B" * 42 + "A"),
        commitment.nonce(BIND),
    }
    assert len(nonces) == 4


CALL = {"method": "POST", "url": "http://127.0.0.1:8400/v1/requests", "credential": "c"}


@pytest.mark.parametrize(
    ("changes", "now", "code"),
    [
        ({"method": "GET"}, NOW, "proof_target"),
        ({"url": "http://127.0.0.1:8400/v1/me"}, NOW, "proof_target"),
        ({"credential": "d"}, NOW, "proof_credential"),
        ({}, NOW + 61, "proof_stale"),
        ({}, NOW - 61, "proof_stale"),
    ],
)
def test_a_proof_of_possession_is_for_one_call(changes: dict[str, str], now: int, code: str) -> None:
    proof = prove(SESSION, **CALL, now=NOW, jti="j" * 22)
    assert verify_possession(proof, SESSION.public, **CALL, now=NOW).jti == "j" * 22
    with pytest.raises(P0Error) as caught:
        verify_possession(proof, SESSION.public, **(CALL | changes), now=now)
    assert caught.value.code == code


def test_tokens_are_not_shown() -> None:
    identity = Identity(bind=BIND, id_token=token())
    assert identity.id_token not in repr(identity)
    assert identity.id_token not in repr(SignedAct(record="r", identity=identity))
    assert msgspec.json.encode(identity).decode().count(identity.id_token) == 1
