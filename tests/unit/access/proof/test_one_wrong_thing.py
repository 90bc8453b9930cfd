"""Every check of a proof at its edge: what just holds, and what just does not, with the code of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from p0_access.encoding import b64u, b64u_decode, encode
from p0_access.errors import MalformedError, P0Error, ProofError
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Collect, End
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import (
    MAX_TOKEN_CHARS,
    KeySet,
    VerifiedToken,
    unverified_issuer,
    unverified_key_id,
    verify_id_token,
)
from p0_access.proof.identity import (
    MAX_PASTED_SESSION,
    VerifiedIdentity,
    unverified_issuers,
    verify_act,
    verify_identity,
)
from p0_access.proof.issuers import (
    MAX_CLAIM_CHARS,
    MAX_CLAIMS,
    MAX_GROUPS,
    Alias,
    GroupMapping,
    TrustedIssuer,
    Workloads,
    check_people,
    workload_issuers,
)
from p0_access.proof.jwks import IssuerKeys
from p0_access.proof.jws import MAX_COMPACT_CHARS
from p0_access.proof.keys import PublicKey, SigningKey
from p0_access.proof.possession import prove, verify_possession
from p0_access.proof.sealing import OpeningKey, check_sealing_key

NOW = 1_800_000_000
URL = "https://id.example"
KEY = SigningKey(b"\x07" * 32)
BIND = commitment.make_bind(KEY.public, secrets.token_bytes)
PRIVATE = ec.generate_private_key(ec.SECP256R1())
ISSUER = TrustedIssuer(issuer=URL, client_ids=("p0",), algorithms=("ES256",))
AUDIENCE = "p0-agent:" + "a" * 43


def jwk(**changes: Any) -> dict[str, Any]:
    public = (
        json.loads(ECAlgorithm.to_jwk(PRIVATE.public_key())) | {"kid": "k1", "use": "sig", "alg": "ES256"} | changes
    )
    return {name: value for name, value in public.items() if value is not None}


def keys(**changes: Any) -> KeySet:
    return KeySet.parse(json.dumps({"keys": [jwk(**changes)]}).encode())


def claims(**changes: Any) -> dict[str, Any]:
    said = {"iss": URL, "sub": "dana", "aud": "p0", "iat": NOW, "exp": NOW + 300, "nonce": commitment.nonce(BIND)}
    return {name: value for name, value in (said | changes).items() if value is not None}


def token(headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(claims(**changes), PRIVATE, algorithm="ES256", headers={"kid": "k1"} | (headers or {}))


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(P0Error) as caught:
        action()
    return caught.value.code


def verified(text: str, issuer: TrustedIssuer = ISSUER, key_set: KeySet | None = None, **more: Any) -> VerifiedToken:
    return verify_id_token(text, issuer=issuer, keys=key_set or keys(), now=more.pop("now", NOW), **more)


# ID tokens


def test_all_that_a_token_says_is_taken_over() -> None:
    said = verified(token(auth_time=NOW - 5.5, acr="high", amr=["pwd", 7, "otp"], groups=["b", "a"]))
    assert (said.iss, said.sub, said.client_id, said.iat, said.exp) == (URL, "dana", "p0", NOW, NOW + 300)
    assert (said.auth_time, said.acr, said.amr, said.groups) == (NOW - 6, "high", ("pwd", "otp"), ("a", "b"))
    assert (said.email, said.claims, said.nonce) == (None, None, commitment.nonce(BIND))
    bare = verified(token(nonce=None))
    assert (bare.auth_time, bare.acr, bare.amr, bare.nonce) == (None, None, (), None)
    odd = verified(token(acr=1, amr="pwd", nonce=["n"]))
    assert (odd.acr, odd.amr, odd.nonce) == (None, (), None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iat": None}, "malformed_token"),
        ({"exp": None}, "malformed_token"),
        ({"aud": None}, "malformed_token"),
        ({"sub": None}, "malformed_token"),
        ({"sub": 7}, "token_subject"),
        ({"iat": "now"}, "malformed_token"),
        ({"exp": True}, "malformed_token"),
        ({"nbf": "never"}, "malformed_token"),
        ({"auth_time": "then"}, "malformed_token"),
        ({"aud": []}, "token_audience"),
        ({"aud": 7}, "token_audience"),
        ({"aud": {"p0": 1}}, "token_audience"),
        ({"aud": ["p0", 7], "azp": "p0"}, "token_audience"),
        ({"aud": "web", "azp": "p0"}, "token_audience"),
        ({"groups": ["a", 7]}, "token_groups"),
        ({"groups": [f"g{number}" for number in range(MAX_GROUPS + 1)]}, "token_groups"),
    ],
)
def test_a_claim_that_is_not_what_it_should_be(changes: dict[str, Any], code: str) -> None:
    assert code_of(lambda: verified(token(**changes))) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + 60},
        {"nbf": NOW + 60},
        {"exp": NOW - 59},
        {"aud": ["p0"]},
        {"aud": ["p0", "web"], "azp": "p0"},
        {"groups": [f"g{number}" for number in range(MAX_GROUPS)]},
    ],
)
def test_a_claim_that_just_holds(changes: dict[str, Any]) -> None:
    assert verified(token(**changes)).sub == "dana"


def test_a_token_expires_with_the_second_that_it_names_and_a_minute() -> None:
    text = token(exp=NOW)
    assert code_of(lambda: verified(text, now=NOW + 60)) == "token_expired"
    assert verified(text, now=NOW + 60, expired_ok=True).exp == NOW
    assert verified(text, now=NOW + 59).exp == NOW


def test_the_clock_is_the_one_that_is_passed_in() -> None:
    long_ago, some_day = 1_000_000_000, 4_000_000_000
    assert verified(token(iat=long_ago, exp=long_ago + 300), now=long_ago).iat == long_ago
    assert verified(token(iat=some_day, nbf=some_day, exp=some_day + 300), now=some_day).iat == some_day


def test_what_nothing_depends_on_may_be_anything() -> None:
    assert verified(token(jti=7)).sub == "dana"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"typ": "JWT"}, None),
        ({"typ": "jwt"}, None),
        ({"typ": "id+jwt"}, None),
        ({"typ": "ID+JWT"}, None),
        ({"typ": None}, None),
        ({"typ": "at+jwt"}, "token_type"),
        ({"crit": ["b64"]}, "malformed_token"),
        ({"typ": 7}, "malformed_token"),
    ],
)
def test_what_a_header_may_say(headers: dict[str, Any], expected: str | None) -> None:
    text = _headed(
        {"alg": "ES256", "kid": "k1"} | {name: value for name, value in headers.items() if value is not None}
    )
    if expected is None:
        assert verified(text).sub == "dana"
    else:
        assert code_of(lambda: verified(text)) == expected


def _headed(header: dict[str, Any], body: bytes | None = None) -> str:
    """Signed as it stands, whatever it says."""
    payload = json.dumps(claims()).encode() if body is None else body
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (json.dumps(header).encode(), payload)]
    signing_input = b".".join(parts)
    signer = ECAlgorithm(ECAlgorithm.SHA256)
    return f"{signing_input.decode()}.{b64u(signer.sign(signing_input, PRIVATE))}"


def test_a_key_is_for_its_own_algorithm_and_for_signatures() -> None:
    assert verified(token(), key_set=keys(alg=None)).sub == "dana"
    assert code_of(lambda: verified(token(), key_set=keys(alg="ES384"))) == "token_algorithm"
    assert verified(token(), key_set=keys(use=None)).sub == "dana"
    assert code_of(lambda: verified(token(), key_set=keys(use="enc"))) == "token_key_unknown"
    assert code_of(lambda: verified(token(), key_set=keys(kid=7))) == "token_key_unknown"
    assert code_of(lambda: verified(token(), key_set=keys(x="AA"))) == "malformed_token"


def test_a_token_of_another_issuer_with_the_same_key() -> None:
    other = msgspec.structs.replace(ISSUER, issuer="https://other.example")
    assert code_of(lambda: verified(token(), other)) == "token_issuer"


def test_claims_that_stand_twice_are_refused() -> None:
    body = json.dumps(claims()).encode()[:-1] + b', "sub": "eve"}'
    assert code_of(lambda: verified(_headed({"alg": "ES256", "kid": "k1"}, body))) == "duplicate_key"


def test_the_longest_token() -> None:
    def of(length: int) -> str:
        text = token(pad="")
        pad = (length - len(text)) * 3 // 4
        while len(text) < length:
            text = token(pad="x" * pad)
            pad += 1
        return text

    text = of(MAX_TOKEN_CHARS - 4)
    assert verified(text).sub == "dana"
    named = f"{b64u(b'{')}.{'x' * MAX_TOKEN_CHARS}"[:MAX_TOKEN_CHARS]
    assert code_of(lambda: verified(named)) == "malformed_token"
    assert code_of(lambda: verified(text + "x" * (MAX_TOKEN_CHARS + 1 - len(text)))) == "oversize"
    exactly = "a.b." + "c" * (MAX_TOKEN_CHARS - 4)
    assert code_of(lambda: unverified_issuer(exactly)) == "malformed_base64url"
    assert code_of(lambda: unverified_issuer(exactly + "c")) == "malformed_token"


@pytest.mark.parametrize("body", [b'{"iss": 7}', b"{}", b"[]", b'["iss"]'])
def test_a_token_that_names_no_issuer_or_key(body: bytes) -> None:
    text = f"{b64u(body.replace(b'iss', b'kid'))}.{b64u(body)}.x"
    assert code_of(lambda: unverified_issuer(text)) == "malformed_token"
    assert code_of(lambda: unverified_key_id(text)) == "malformed_token"


@pytest.mark.parametrize("text", ["a", "a.b", "a.b.c.d", ""])
def test_what_is_no_token_by_its_parts(text: str) -> None:
    assert code_of(lambda: unverified_issuer(text)) == "malformed_token"


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"keys": 7}', b'{"keys": {}}', b"7"])
def test_what_is_no_key_set(body: bytes) -> None:
    assert code_of(lambda: KeySet.parse(body)) == "malformed_jwks"


def test_a_key_set_has_a_cap_and_leaves_out_what_is_no_key() -> None:
    many = [{"kid": f"k{number}"} for number in range(100)]
    assert len(KeySet.parse(json.dumps({"keys": many}).encode()).keys) == 100
    assert code_of(lambda: KeySet.parse(json.dumps({"keys": [*many, {"kid": "x"}]}).encode())) == "malformed_jwks"
    assert KeySet.parse(b'{"keys": [7, "x", null, {"kid": null}, {"kid": "a", "use": "sig"}]}').keys.keys() == {"a"}


# workloads


WORKLOAD = TrustedIssuer(
    issuer=URL, algorithms=("ES256",), workloads=Workloads(claims={"repository": ("corp/app",), "public": ("false",)})
)
MADE_FOR = commitment.workload_audience(BIND)


def of_workload(**changes: Any) -> dict[str, str] | None:
    said: dict[str, Any] = {"aud": MADE_FOR, "repository": "corp/app", "public": False}
    text = token(**said | changes)
    return verified(text, WORKLOAD).claims


def test_a_workload_says_what_rules_may_pin() -> None:
    said = of_workload(run=17, big="x" * MAX_CLAIM_CHARS, bigger="x" * (MAX_CLAIM_CHARS + 1), empty="", listed=["a"])
    assert said == {
        "big": "x" * MAX_CLAIM_CHARS, "iss": URL, "public": "false", "repository": "corp/app", "run": "17",
        "sub": "dana",
    }  # fmt: skip
    assert of_workload(public=False, yes=True) == {
        "iss": URL, "public": "false", "repository": "corp/app", "sub": "dana", "yes": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repository": "corp/other"}, "workload_claims"),
        ({"repository": None}, "workload_claims"),
        ({"public": True}, "workload_claims"),
        ({f"c{number}": "x" for number in range(MAX_CLAIMS - 3)}, "workload_claims"),
        ({"aud": "p0"}, "token_audience"),
        ({"aud": [MADE_FOR, "p0"]}, "token_audience"),
    ],
)
def test_another_workload(changes: dict[str, Any], code: str) -> None:
    assert code_of(lambda: of_workload(**changes)) == code


def test_as_many_claims_as_may_be() -> None:
    assert len(of_workload(**{f"c{number}": "x" for number in range(MAX_CLAIMS - 4)}) or ()) == MAX_CLAIMS


def test_a_workload_is_known_by_the_audience_that_commits_to_its_key() -> None:
    text = token(aud=MADE_FOR, repository="corp/app", public=False, nonce=None)
    person = known(Identity(bind=BIND, id_token=text), WORKLOAD)
    pinned = {"iss": URL, "public": "false", "repository": "corp/app", "sub": "dana"}
    assert (person.client_id, person.subject.claims) == (MADE_FOR, pinned)
    other = commitment.make_bind(KEY.public, secrets.token_bytes)
    assert code_of(lambda: known(Identity(bind=other, id_token=text), WORKLOAD)) == "audience_mismatch"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_ids": ()}, "needs client_ids"),
        ({"algorithms": ()}, "algorithms must be among"),
        ({"algorithms": ("ES256", "none")}, "algorithms must be among"),
        ({"paste_client_ids": ("p0",)}, "not for both"),
        ({"workloads": Workloads(claims={"a": ("b",)})}, "have no client_ids"),
        ({"client_ids": (), "paste_client_ids": ("x",), "workloads": Workloads(claims={"a": ("b",)})}, "have no"),
        ({"client_ids": (), "email_domains": ("x",), "workloads": Workloads(claims={"a": ("b",)})}, "have no"),
    ],
)
def test_an_issuer_that_could_not_be_meant_so(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TrustedIssuer(**{"issuer": URL, "client_ids": ("p0",)} | changes)


def test_every_asymmetric_algorithm_may_be_configured() -> None:
    names = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
    assert TrustedIssuer(issuer=URL, client_ids=("p0",), algorithms=names).algorithms == names


def test_groups_are_listed_and_mapped() -> None:
    issuer = msgspec.structs.replace(
        ISSUER,
        groups_claim=("realm", "roles"),
        groups=(
            GroupMapping(claim="department", value="7", group="dba"),
            GroupMapping(claim=("org", "teams"), value="red", group="reds"),
        ),
    )
    said = verified(token(realm={"roles": ["b", "a"]}, department=7, org={"teams": ["red", "blue"]}), issuer)
    assert said.groups == ("a", "b", "dba", "reds")
    assert verified(token(realm=7, org={"teams": "blue"}), issuer).groups == ()
    without = msgspec.structs.replace(ISSUER, groups_claim="")
    assert verified(token(groups="not looked at"), without).groups == ()


def test_issuers_and_aliases_stand_once() -> None:
    check_people((ISSUER, WORKLOAD_ELSEWHERE), (Alias(subjects=("https://a#1", "https://b#1")),))
    with pytest.raises(ValueError, match=f"the issuer {URL} stands twice"):
        check_people((ISSUER, WORKLOAD), ())
    with pytest.raises(ValueError, match="https://a#1 stands twice"):
        check_people((ISSUER,), (Alias(subjects=("https://a#1", "https://b#1")),) * 2)
    assert workload_issuers((ISSUER, WORKLOAD_ELSEWHERE)) == {"https://ci.example"}


WORKLOAD_ELSEWHERE = msgspec.structs.replace(WORKLOAD, issuer="https://ci.example")


# people


def known(identity: Identity, issuer: TrustedIssuer = ISSUER, *, now: int = NOW, **more: Any) -> VerifiedIdentity:
    return verify_identity(identity, issuers={URL: issuer}, keys={URL: keys()}, now=now, **more)


def test_a_person_is_all_that_the_tokens_and_the_bind_say() -> None:
    text = token(auth_time=NOW - 30)
    person = known(Identity(bind=BIND, id_token=text), aliases={f"{URL}#dana": "https://other.example#d"})
    assert (person.key, person.bind, person.client_id, person.pasted) == (KEY.public, BIND, "p0", False)
    assert (person.signed_in_at, person.current_until, person.session_until) == (NOW - 30, NOW + 300, NOW + 43_200)
    assert person.subject.human == "https://other.example#d"
    assert (person.fresh, person.step_up, person.stepped_up) == (None, None, None)
    assert known(Identity(bind=BIND, id_token=token())).signed_in_at == NOW
    assert known(Identity(bind=BIND, id_token=token())).subject.human is None


def test_an_issuer_whose_keys_are_not_there_is_not_trusted() -> None:
    identity = Identity(bind=BIND, id_token=token())
    for issuers, key_sets in (({}, {URL: keys()}), ({URL: ISSUER}, {})):
        assert (
            code_of(lambda i=issuers, k=key_sets: verify_identity(identity, issuers=i, keys=k, now=NOW))  # type: ignore[misc]
            == "issuer_unknown"
        )


def test_a_session_ends_with_the_least_of_what_was_committed_and_configured() -> None:
    short = commitment.make_bind(KEY.public, secrets.token_bytes, max_age=600)
    text = token(nonce=commitment.nonce(short), exp=NOW + 90_000)
    assert known(Identity(bind=short, id_token=text)).session_until == NOW + 600
    assert known(Identity(bind=short, id_token=text), now=NOW + 599).current_until == NOW + 600
    assert code_of(lambda: known(Identity(bind=short, id_token=text), now=NOW + 600)) == "session_too_old"
    strict = msgspec.structs.replace(ISSUER, max_session=60)
    assert known(Identity(bind=short, id_token=text), strict).session_until == NOW + 60


def test_a_pasted_session_is_short() -> None:
    issuer = msgspec.structs.replace(ISSUER, paste_client_ids=("paste",))
    person = known(Identity(bind=BIND, id_token=token(aud="paste", exp=NOW + 90_000)), issuer)
    assert (person.pasted, person.session_until) == (True, NOW + MAX_PASTED_SESSION)
    assert not known(Identity(bind=BIND, id_token=token()), issuer).pasted


def test_a_refreshed_token_is_the_same_persons_and_no_older() -> None:
    def with_fresh(**changes: Any) -> VerifiedIdentity:
        return known(Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(**{"nonce": None} | changes)))

    assert with_fresh().current_until == NOW + 300
    assert with_fresh(iat=NOW).current_until == NOW + 300
    assert code_of(lambda: with_fresh(iat=NOW - 1)) == "fresh_older"
    assert code_of(lambda: with_fresh(sub="eve")) == "fresh_mismatch"
    assert code_of(lambda: with_fresh(aud="web")) == "token_audience"
    two = msgspec.structs.replace(ISSUER, client_ids=("p0", "p1"))
    swapped = Identity(bind=BIND, id_token=token(exp=NOW - 999), fresh=token(aud="p1"))
    assert code_of(lambda: known(swapped, two)) == "fresh_mismatch"


def test_which_issuers_keys_are_needed() -> None:
    others = {name: token(iss=f"https://{name}.example") for name in ("a", "b", "c")}
    identity = Identity(bind=BIND, id_token=others["a"], fresh=others["b"], step_up=others["c"])
    assert unverified_issuers(identity) == {"https://a.example", "https://b.example", "https://c.example"}
    assert unverified_issuers(Identity(bind=BIND, id_token=others["a"])) == {"https://a.example"}


# acts


def collect(person: VerifiedIdentity, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "aud": AUDIENCE, "idh": person.idh, "fresh": person.fresh, "iat": NOW, "exp": NOW + 120, "jti": "j" * 22,
        "rh": "r" * 43, "ah": "a" * 43,
    }  # fmt: skip
    return jws.sign(Collect(**fields | changes), KEY)


PERSON = known(Identity(bind=BIND, id_token=token()))


@pytest.mark.parametrize(
    ("changes", "now", "code"),
    [
        ({}, NOW, None),
        ({"iat": NOW + 60, "exp": NOW + 120}, NOW, None),
        ({"iat": NOW + 61, "exp": NOW + 120}, NOW, "act_early"),
        ({"exp": NOW + 1}, NOW, None),
        ({"exp": NOW + 1}, NOW + 1, "act_expired"),
        ({"iat": NOW, "exp": NOW + 7 * 24 * 3600}, NOW, None),
        ({"iat": NOW, "exp": NOW + 7 * 24 * 3600 + 1}, NOW, "act_expired"),
        ({"iat": NOW + 10, "exp": NOW + 10}, NOW, "act_expired"),
    ],
)
def test_when_an_act_holds(changes: dict[str, Any], now: int, code: str | None) -> None:
    identity = Identity(bind=BIND, id_token=token())
    person = known(identity)
    act = SignedAct(record=collect(person, **changes), identity=identity)
    if code is None:
        assert verify_act(act, Collect, person, audience=AUDIENCE, now=now).compact == act.record
    else:
        assert code_of(lambda: verify_act(act, Collect, person, audience=AUDIENCE, now=now)) == code


def test_an_act_beside_another_login_than_the_verified_one() -> None:
    identity = Identity(bind=BIND, id_token=token())
    person, other = known(identity), Identity(bind=BIND, id_token=token(jti="another"))
    beside = SignedAct(record=collect(person), identity=other)
    assert code_of(lambda: verify_act(beside, Collect, person, audience=AUDIENCE, now=NOW)) == "act_identity"
    named = SignedAct(record=collect(known(other)), identity=other)
    assert code_of(lambda: verify_act(named, Collect, person, audience=AUDIENCE, now=NOW)) == "act_identity"


# sign-ins for one act


def stepped(
    *, before: int = 0, signed: int = NOW, browser: TrustedIssuer = ISSUER, aud: str = "p0", **changes: Any
) -> VerifiedIdentity:
    original = token(aud=aud)
    person = known(Identity(bind=BIND, id_token=original), browser)
    record = collect(person, iat=signed)
    made_for = commitment.step_up_nonce(BIND, jws.record_hash(record))
    said: dict[str, Any] = {"nonce": made_for, "auth_time": NOW - before, "aud": aud}
    identity = Identity(bind=BIND, id_token=original, step_up=token(**said | changes))
    found = known(identity, browser)
    verify_act(SignedAct(record=record, identity=identity), Collect, found, audience=AUDIENCE, now=NOW)
    return found


def test_a_sign_in_for_one_act() -> None:
    found = stepped(acr="high", amr=["otp"], exp=NOW + 100)
    assert found.stepped_up is not None
    assert (found.stepped_up.acr, found.stepped_up.amr) == (("high",), ("otp",))
    assert found.current_until == NOW + 100
    assert stepped().stepped_up is not None
    assert stepped(before=60).step_up is not None
    assert stepped(before=300, signed=NOW - 300).step_up is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"before": 61}, "step_up_older"),
        ({"before": 301, "signed": NOW - 301}, "step_up_older"),
        ({"before": 301, "signed": NOW - 301, "iat": NOW + 1, "auth_time": NOW - 300}, "step_up_older"),
        ({"auth_time": None}, "step_up_auth_time"),
        ({"nonce": commitment.nonce(BIND)}, "step_up_nonce"),
        ({"nonce": None}, "step_up_nonce"),
        ({"sub": "eve"}, "step_up_subject"),
        ({"iss": "https://other.example"}, "step_up_issuer"),
        ({"exp": NOW - 60}, "token_expired"),
    ],
)
def test_a_sign_in_for_something_else(changes: dict[str, Any], code: str) -> None:
    assert code_of(lambda: stepped(**changes)) == code


def test_a_pasted_session_makes_no_sign_in_for_an_act() -> None:
    issuer = msgspec.structs.replace(ISSUER, paste_client_ids=("paste",))
    assert code_of(lambda: stepped(browser=issuer, aud="paste")) == "step_up_client"
    two = msgspec.structs.replace(ISSUER, client_ids=("p0", "p1"))
    original = token()
    identity = Identity(bind=BIND, id_token=original, step_up=token(aud="p1"))
    assert code_of(lambda: known(identity, two)) == "step_up_subject"


def test_what_a_sign_in_for_an_act_commits_to() -> None:
    act = jws.record_hash(collect(PERSON))
    committed = hashlib.sha256(b64u_decode(BIND)).digest() + b64u_decode(act)
    assert commitment.step_up_nonce(BIND, act) == b64u(hashlib.sha256(b"p0-stepup-v1\0" + committed).digest())


# records, keys, proofs


def test_a_record_before_it_is_verified() -> None:
    compact = collect(PERSON)
    assert jws.unverified_record(compact, Collect).rh == "r" * 43
    assert jws.unverified_type(compact) == Collect.TYP
    assert code_of(lambda: jws.unverified_record(compact, End)) == "record_type"
    assert jws.verify(compact, Collect, KEY.public).compact == compact


def test_the_longest_record() -> None:
    assert code_of(lambda: jws.unverified_type("." * MAX_COMPACT_CHARS)) == "malformed_jws"
    assert code_of(lambda: jws.unverified_type("." * (MAX_COMPACT_CHARS + 1))) == "oversize"


def test_the_longest_header_and_bind() -> None:
    def header(length: int) -> str:
        frame = encode({"alg": "EdDSA", "typ": "", "kid": "k"})
        return b64u(encode({"alg": "EdDSA", "typ": "t" * (length - len(frame)), "kid": "k"}))

    assert jws.unverified_type(f"{header(1024)}.e30.e30") != ""
    assert code_of(lambda: jws.unverified_type(f"{header(1025)}.e30.e30")) == "oversize"
    spaced = b64u_decode(BIND)
    assert commitment.open_bind(b64u(spaced + b" " * (1024 - len(spaced)))).jwk == KEY.public
    assert code_of(lambda: commitment.open_bind(b64u(spaced + b" " * (1025 - len(spaced))))) == "oversize"


def test_any_text_has_a_hash() -> None:
    signing_input = b"p0-signed-v1\0" + (3).to_bytes(8, "big") + b"x.y"
    assert jws.record_hash("x.y.z") == b64u(hashlib.sha256(signing_input).digest())
    assert jws.record_hash("\ud800.x.y") != jws.record_hash("\ud801.x.y")


def test_a_bind_is_of_its_key_its_age_and_fresh_randomness() -> None:
    asked: list[int] = []

    def drawn(count: int) -> bytes:
        asked.append(count)
        return b"\x05" * count

    bind = commitment.open_bind(commitment.make_bind(KEY.public, drawn, max_age=777))
    assert (bind.jwk, bind.max_age, bind.rz, asked) == (KEY.public, 777, b64u(b"\x05" * 32), [32])
    assert commitment.open_bind(BIND).max_age == 43_200


def test_keys_are_drawn_whole() -> None:
    asked: list[int] = []

    def drawn(count: int) -> bytes:
        asked.append(count)
        return bytes(range(count))

    assert SigningKey.generate(drawn).seed() == bytes(range(32))
    assert OpeningKey.generate(drawn).public == OpeningKey(bytes(range(32))).public
    assert asked == [32, 32]
    assert code_of(lambda: SigningKey(b"short")) == "key_malformed"
    assert repr(OpeningKey(bytes(32))) == "OpeningKey(…)"


def test_a_signature_of_another_key_or_by_none() -> None:
    signature = KEY.sign(b"message")
    KEY.public.verify(signature, b"message")
    for key, given, message in (
        (KEY.public, signature, b"other"),
        (KEY.public, b"short", b"message"),
        (SigningKey(b"\x08" * 32).public, signature, b"message"),
        (PublicKey(x="A" * 42 + "B"), signature, b"message"),
    ):
        assert code_of(lambda k=key, g=given, m=message: k.verify(g, m)) == "signature_invalid"  # type: ignore[misc]


def test_what_nothing_can_be_sealed_to() -> None:
    good = OpeningKey.generate(secrets.token_bytes).public
    check_sealing_key(good)
    for x in (b64u(bytes(32)), b64u(b"\x01" + bytes(31))):
        with pytest.raises(MalformedError) as caught:
            check_sealing_key(msgspec.structs.replace(good, x=x))
        assert caught.value.code == "sealing_key"


@pytest.mark.parametrize("off", [-60, 60])
def test_clocks_may_differ_by_a_minute(off: int) -> None:
    call = {"method": "GET", "url": "https://p0.example/v1/me", "credential": "c"}
    proof = prove(KEY, **call, now=NOW, jti="j" * 22)
    assert verify_possession(proof, KEY.public, **call, now=NOW + off).iat == NOW


# issuers' keys


def test_where_keys_are_is_asked_at_the_issuers_own_place() -> None:
    for issuer in ("https://id.example/", "https://id.example"):
        fetch = IssuerKeys(issuer=issuer).next_fetch(["a"], NOW)
        assert fetch is not None
        assert fetch.url == "https://id.example/.well-known/openid-configuration"


def test_after_a_failure_everything_is_asked_anew_and_an_answer_forgets_it() -> None:
    discovery = json.dumps({"issuer": URL, "jwks_uri": f"{URL}/jwks"}).encode()
    state = IssuerKeys(issuer=URL).failed(NOW)
    first = state.next_fetch(["a"], NOW + 5)
    assert first is not None
    state = state.received(first, discovery, NOW + 5)
    assert state.failed_at is None
    second = state.next_fetch(["a"], NOW + 5)
    assert second is not None
    state = msgspec.structs.replace(state, failed_at=NOW).received(second, b'{"keys": []}', NOW + 5)
    assert state.failed_at is None
    assert state.failed(NOW + 6).jwks_uri is None


def test_a_provider_that_is_away_is_told_as_such() -> None:
    with pytest.raises(ProofError) as caught:
        IssuerKeys(issuer=URL).usable(NOW)
    assert caught.value.code == "issuer_unavailable"
