"""The vectors in `docs/vectors`: they are what the product makes, what it accepts, and what others make by hand.

To write them anew (which changes the protocol):

    P0_WRITE_DOCS=1 .venv/bin/python -m pytest tests/unit/access/proof/test_vectors.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fix_vectors import ALL, hpke_open
from p0_access.encoding import b64u
from p0_access.errors import P0Error
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Collect, CredentialPlaintext, Record, Refusal, Request, SealingKey
from p0_access.proof import jws
from p0_access.proof.evidence import LogEntry, examine
from p0_access.proof.id_token import KeySet
from p0_access.proof.identity import VerifiedIdentity, verify_act, verify_identity
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import PublicKey
from p0_access.proof.possession import verify_possession
from p0_access.proof.sealing import OpeningKey, seal

DIRECTORY = Path(__file__).parents[4] / "docs" / "vectors"


def kept(name: str) -> Any:
    return json.loads((DIRECTORY / f"{name}.json").read_text())


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("name", ALL)
def test_the_files_are_what_the_product_makes(name: str) -> None:
    text = json.dumps(ALL[name](), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("P0_WRITE_DOCS"):
        (DIRECTORY / f"{name}.json").write_text(text)
    assert (DIRECTORY / f"{name}.json").read_text() == text, "stale: see the command at the top of this module"


def test_there_is_no_other_file() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.json")} == set(ALL)


def test_the_commitment_by_hand() -> None:
    found = kept("commitment")
    jwk = found["jwk"]
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{jwk["x"]}"}}'
    assert found["thumbprint"] == b64(sha256(canonical.encode()))
    bind = unpadded(found["bind"])
    assert bind.decode() == found["bind_json"]
    assert json.loads(bind)["jwk"] == jwk
    assert found["nonce"] == b64(sha256(b"p0-bind-v1\0" + len(bind).to_bytes(8, "big") + bind))
    assert found["workload_audience"] == f"p0-bind:v1:{found['nonce']}"
    stepped_up = b"p0-stepup-v1\0" + sha256(bind) + unpadded(found["act_hash"])
    assert found["step_up_nonce"] == b64(sha256(stepped_up))


def test_the_records_by_another_library() -> None:
    found = kept("records")
    keys = {}
    for name, seed in found["seeds"].items():
        x = b64(Ed25519PrivateKey.from_private_bytes(unpadded(seed)).public_key().public_bytes_raw())
        keys[name] = {"crv": "Ed25519", "kty": "OKP", "x": x}
        assert name == b64(sha256(json.dumps(keys[name], separators=(",", ":")).encode()))
    types = {type_.TYP: type_ for type_ in _all(Record)}
    seen: set[tuple[str, int]] = set()
    for vector in found["records"]:
        jwk = keys[vector["signer"]]
        decoded = jwt.decode_complete(
            vector["compact"], jwt.PyJWK(jwk, algorithm="EdDSA"), algorithms=["EdDSA"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False,
                     "verify_jti": False},
        )  # fmt: skip
        assert decoded["header"] == {"alg": "EdDSA", "typ": vector["typ"], "kid": vector["signer"]}
        assert decoded["payload"] == json.loads(vector["payload"])
        signing_input = vector["compact"].rpartition(".")[0].encode()
        assert vector["hash"] == b64(sha256(b"p0-signed-v1\0" + len(signing_input).to_bytes(8, "big") + signing_input))
        verified = jws.verify(vector["compact"], types[vector["typ"]], msgspec.convert(jwk, PublicKey))
        assert verified.hash == vector["hash"]
        seen.add((vector["typ"], decoded["payload"]["v"]))
    assert seen == {(type_.TYP, 1) for type_ in _all(Record) if type_.__module__.startswith("p0_access.messages.")} | {
        (Refusal.TYP, 2)
    }


def test_the_identities_by_another_library() -> None:
    found = kept("identities")
    for case in found["accepted"]:
        identity = case["identity"]
        bind = unpadded(identity["bind"])
        nonce = b64(sha256(b"p0-bind-v1\0" + len(bind).to_bytes(8, "big") + bind))
        claims = {name: claims_of(found, identity[name]) for name in ("id_token", "step_up") if name in identity}
        login = claims["id_token"]
        assert nonce == login.get("nonce", login["aud"].removeprefix("p0-bind:v1:"))
        if "step_up" in claims:
            signing_input = case["record"].rpartition(".")[0].encode()
            act = sha256(b"p0-signed-v1\0" + len(signing_input).to_bytes(8, "big") + signing_input)
            assert claims["step_up"]["nonce"] == b64(sha256(b"p0-stepup-v1\0" + sha256(bind) + act))


def claims_of(found: Any, token: str) -> Any:
    unverified = jwt.decode(token, options={"verify_signature": False})
    key = jwt.PyJWK(found["jwks"][unverified["iss"]]["keys"][0], algorithm="EdDSA")
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    return jwt.decode(token, key, algorithms=["EdDSA"], options=options)  # type: ignore[arg-type]  # a TypedDict


def verified(found: Any, case: Any) -> VerifiedIdentity:
    """As servers and agents do: steps 3 to 5."""
    issuers = {each["issuer"]: msgspec.convert(each, TrustedIssuer) for each in found["issuers"]}
    keys = {name: KeySet.parse(json.dumps(jwks).encode()) for name, jwks in found["jwks"].items()}
    signed = SignedAct(record=case["record"], identity=msgspec.convert(case["identity"], Identity))
    person = verify_identity(signed.identity, issuers=issuers, keys=keys, now=case["now"])
    verify_act(signed, Collect, person, audience=found["audience"], now=case["now"])
    return person


def test_identities_are_accepted_and_refused_with_their_code() -> None:
    found = kept("identities")
    for case in found["accepted"]:
        assert verified(found, case).subject.sub, case["name"]
    for code, cases in found["refused"].items():
        for case in cases:
            with pytest.raises(P0Error) as caught:
                verified(found, case)
            assert caught.value.code == code, case["name"]


def test_what_is_to_be_refused_is_with_its_code() -> None:
    found = kept("refused")
    key = msgspec.convert(found["jwk"], PublicKey)
    for code, compacts in found["refused"].items():
        for compact in compacts:
            with pytest.raises(P0Error) as caught:
                jws.verify(compact, Request, key)
            assert caught.value.code == code, compact


def test_the_sealed_credential_by_hand_and_by_the_product() -> None:
    found = kept("sealing")
    info = sha256(b"p0-cred-v1\0" + found["rh"].encode() + found["aud"].encode())
    assert b64(info) == found["info"]
    secret = unpadded(found["recipient_secret"])
    assert hpke_open(unpadded(found["ct"]), secret, info=info).decode() == found["plaintext"]
    opened = OpeningKey(secret).open(found["ct"], rh=found["rh"], aud=found["aud"])
    assert msgspec.to_builtins(opened) == json.loads(found["plaintext"])
    plaintext = msgspec.json.decode(found["plaintext"], type=CredentialPlaintext)
    anew = seal(plaintext, SealingKey(x=found["recipient_public"]), rh=found["rh"], aud=found["aud"])
    assert hpke_open(unpadded(anew), secret, info=info).decode() == found["plaintext"]


def test_the_proof_of_possession() -> None:
    found = kept("possession")
    claims = jwt.decode(
        found["proof"], jwt.PyJWK(found["jwk"], algorithm="EdDSA"), algorithms=["EdDSA"], options={"verify_iat": False}
    )
    assert (claims["htm"], claims["htu"]) == (found["method"], found["url"])
    assert (claims["iat"], claims["jti"]) == (found["now"], found["jti"])
    assert claims["ath"] == b64(sha256(found["credential"].encode()))
    key = msgspec.convert(found["jwk"], PublicKey)
    call = {name: found[name] for name in ("method", "url", "credential")}
    assert verify_possession(found["proof"], key, **call, now=found["now"]).jti == found["jti"]


def test_the_evidence_by_hand() -> None:
    found = kept("evidence")
    previous, entries = bytes(32), []
    for entry in found["entries"]:
        kind = entry["kind"].encode()
        numbers = (entry["n"].to_bytes(8, "big"), entry["at"].to_bytes(8, "big"), len(kind).to_bytes(8, "big"))
        leaf = sha256(b"\x00" + b"".join(numbers) + kind + entry["body"].encode())
        previous = sha256(b"\x01" + previous + leaf)
        assert entry["h"] == b64(previous)
        entries.append(LogEntry(**entry | {"h": previous}))
    assert examine(entries, key=msgspec.convert(found["agent"], PublicKey)) == ()
    assert b64u(entries[-1].h) == found["entries"][-1]["h"]


def _all(type_: type[Record]) -> list[type[Record]]:
    below = type_.__subclasses__()
    return [each for each in below if hasattr(each, "TYP")] + [each for item in below for each in _all(item)]
