"""Signed records: what is refused, one wrong thing at a time; PyJWT is the independent peer."""

from __future__ import annotations

import json

import jwt
import pytest

from p0_access.encoding import b64u, b64u_decode, encode
from p0_access.errors import MalformedError, P0Error, ProofError
from p0_access.messages.records import End, Refusal, Request
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.routing.decision import StepUp

KEY = SigningKey(b"\x01" * 32)
OTHER = SigningKey(b"\x02" * 32)
RECORD = Refusal(rh="h" * 43, at=1_000, step=7, code="unknown_table", message="no such table")


def forged(header: object, payload: bytes, key: SigningKey = KEY) -> str:
    """A JWS of any header and payload, properly signed."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{b64u(raw)}.{b64u(payload)}"
    return f"{signing_input}.{b64u(key.sign(signing_input.encode()))}"


GOOD_HEADER = {"alg": "EdDSA", "typ": Refusal.TYP, "kid": KEY.public.thumbprint}


def test_a_signed_record_verifies_and_names_itself_by_its_signing_input() -> None:
    compact = jws.sign(RECORD, KEY)
    verified = jws.verify(compact, Refusal, KEY.public)
    assert verified.record == RECORD
    assert verified.hash == jws.record_hash(compact) == jws.record_hash(compact.rpartition(".")[0] + ".other")
    assert len(b64u_decode(verified.hash)) == 32


def test_an_independent_library_reads_our_jws_and_we_read_its() -> None:
    compact = jws.sign(RECORD, KEY)
    key = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": KEY.public.x}, algorithm="EdDSA")
    assert jwt.decode(compact, key, algorithms=["EdDSA"])["code"] == "unknown_table"
    theirs = forged(GOOD_HEADER, encode(RECORD))
    assert jws.verify(theirs, Refusal, KEY.public).record == RECORD


@pytest.mark.parametrize(
    "members", [{"v": 2}, {"v": 2, "step_up": []}, {"v": 1, "step_up": [{"acr": ["phr"]}]}, {"v": 3}, {"v": "1"}]
)
def test_what_a_version_does_not_have_is_refused(members: dict[str, object]) -> None:
    payload = json.loads(encode(RECORD)) | members
    with pytest.raises(MalformedError) as caught:
        jws.verify(forged(GOOD_HEADER, json.dumps(payload).encode()), Refusal, KEY.public)
    assert caught.value.code == "malformed_record"


def test_the_second_version_of_a_refusal_says_which_sign_ins_are_missing() -> None:
    payload = json.loads(encode(RECORD)) | {"v": 2, "step_up": [{"acr": ["phr"]}]}
    read = jws.verify(forged(GOOD_HEADER, json.dumps(payload).encode()), Refusal, KEY.public).record
    assert read.step_up == (StepUp(acr=("phr",)),)


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    # RFC 8037, appendix A.1 and A.3
    seed = b64u_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    public = SigningKey(seed).public
    assert public.x == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert public.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    ("compact", "code"),
    [
        (jws.sign(RECORD, OTHER), "record_key"),
        (forged(GOOD_HEADER, encode(RECORD), OTHER), "signature_invalid"),
        (jws.sign(RECORD, KEY)[:-4] + "AAAA", "signature_invalid"),
        (forged(GOOD_HEADER | {"typ": "p0-admission+jws"}, encode(RECORD)), "record_type"),
        (forged(GOOD_HEADER | {"alg": "none"}, encode(RECORD)), "malformed_record"),
        (forged(GOOD_HEADER | {"alg": "HS256"}, encode(RECORD)), "malformed_record"),
        (forged(GOOD_HEADER | {"jwk": {"x": "evil"}}, encode(RECORD)), "malformed_record"),
        (forged(GOOD_HEADER | {"crit": ["exp"]}, encode(RECORD)), "malformed_record"),
        (forged({"alg": "EdDSA", "typ": Refusal.TYP}, encode(RECORD)), "malformed_record"),
        (forged(b'{"alg":"EdDSA","alg":"EdDSA","typ":"x","kid":"y"}', encode(RECORD)), "duplicate_key"),
        (forged(GOOD_HEADER, encode(RECORD)[:-1] + b',"extra":1}'), "malformed_record"),
        (forged(GOOD_HEADER, encode(RECORD)[:-1] + b',"code":"two"}'), "duplicate_key"),
        (forged(GOOD_HEADER, encode(RECORD).replace(b'"step":7', b'"step":NaN')), "malformed_json"),
        (forged(GOOD_HEADER, encode(RECORD).replace(b'"step":7', b'"step":"7"')), "malformed_record"),
        (forged(GOOD_HEADER, encode(RECORD).replace(b'"v":1', b'"v":2')), "malformed_record"),
        (forged(GOOD_HEADER, b"[" * 30 + b"]" * 30), "too_deep"),
        (forged(GOOD_HEADER, b" " * 300_000), "oversize"),
        ("a.b", "malformed_jws"),
        ("a.b.c=", "malformed_base64url"),
        ("x" * 400_000, "oversize"),
    ],
)
def test_anything_else_is_refused_with_its_own_code(compact: str, code: str) -> None:
    with pytest.raises(P0Error) as caught:
        jws.verify(compact, Refusal, KEY.public)
    assert caught.value.code == code


def test_a_record_of_one_type_is_never_read_as_another() -> None:
    compact = jws.sign(RECORD, KEY)
    for type_ in (Request, End):
        with pytest.raises(ProofError, match="p0-refusal"):
            jws.verify(compact, type_, KEY.public)


@pytest.mark.parametrize("text", ["A", "AB", "AAA", "AA==", "A-_/", "AA\n"])
def test_base64url_has_one_form_for_each_value(text: str) -> None:
    if text in {"AAA", "AA"}:
        assert b64u(b64u_decode(text)) == text
    else:
        with pytest.raises(MalformedError):
            b64u_decode(text)


def test_a_key_never_shows_its_secret() -> None:
    assert b64u(KEY.seed()) not in repr(KEY)
    assert KEY.seed().hex() not in str(KEY)
