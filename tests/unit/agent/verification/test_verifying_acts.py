"""The agent's first five steps, in their order: each refusal names its step and has a code of its own."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import pytest

from fix_people import Issuer, Person
from p0_access.errors import ProofError
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.records import Collect, End
from p0_access.proof import commitment, jws
from p0_access.proof.id_token import KeySet
from p0_access.proof.issuers import TrustedIssuer
from p0_access.proof.keys import SigningKey
from p0_agent.errors import IssuerUnavailableError, RefusedError, Step
from p0_agent.verification.acts import VerifiedAct, verify

NOW = 1_800_000_000
AGENT = SigningKey(b"\x05" * 32).public.thumbprint
ISSUER = Issuer()
DANA = Person(name="dana", groups=("analysts",), issuer=ISSUER, clock=lambda: NOW)


class Keys:
    """Gives the issuer's keys, and remembers for which tokens it was asked."""

    def __init__(self, error: ProofError | None = None) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.error = error

    async def keys(self, issuer: TrustedIssuer, unverified_tokens: tuple[str, ...]) -> KeySet:
        self.asked.append((issuer.issuer, unverified_tokens))
        if self.error is not None:
            raise self.error
        return ISSUER.key_set()


def collect(person: Person = DANA, beside: Identity | None = None) -> SignedAct:
    return person.signing(beside).sign_collect(agent=AGENT, rh="r" * 43, ah="a" * 43)


async def verified(signed: SignedAct, keys: Keys | None = None, **changes: Any) -> VerifiedAct[Collect]:
    given: dict[str, Any] = {
        "audience": f"p0-agent:{AGENT}",
        "issuers": {ISSUER.url: ISSUER.trusted},
        "key_source": keys or Keys(),
        "aliases": {},
        "now": NOW,
    }
    return await verify(signed, Collect, **given | changes)


async def refused(signed: SignedAct, keys: Keys | None = None, **changes: Any) -> tuple[Step | None, str, str | None]:
    with pytest.raises(RefusedError) as caught:
        await verified(signed, keys, **changes)
    return caught.value.step, caught.value.code, caught.value.hint


async def test_an_act_and_whose_it_is() -> None:
    signed, keys = collect(), Keys()
    found = await verified(signed, keys, aliases={f"{ISSUER.url}#dana": "https://other.example#d"})
    assert (found.act, found.compact) == (jws.unverified_record(signed.record, Collect), signed.record)
    assert found.hash == jws.record_hash(signed.record)
    assert (found.person.subject.sub, found.person.groups) == ("dana", ("analysts",))
    assert found.person.subject.human == "https://other.example#d"
    assert keys.asked == [(ISSUER.url, (DANA.id_token,))]


async def test_keys_are_asked_for_with_every_token_and_for_configured_issuers_only() -> None:
    fresh = DANA.token()
    identity = msgspec.structs.replace(DANA.identity, fresh=fresh)
    keys = Keys()
    await verified(collect(beside=identity), keys)
    assert keys.asked == [(ISSUER.url, (DANA.id_token, fresh))]
    stepping = DANA.stepping_up(collect())
    keys = Keys()
    await verified(stepping, keys)
    assert keys.asked == [(ISSUER.url, (DANA.id_token, stepping.identity.step_up))]
    stranger = Person(name="dana", groups=(), issuer=Issuer(url="https://evil.example"), clock=lambda: NOW)
    keys = Keys()
    assert (await refused(collect(stranger), keys))[:2] == (Step.TOKEN, "issuer_unknown")
    assert keys.asked == []


async def test_step_1_what_is_no_act_of_this_kind() -> None:
    other = DANA.signer.sign_end(agent=AGENT, rh="r" * 43, act="cancel", comment="")
    assert (await refused(other))[:2] == (Step.SHAPE, "record_type")
    assert End.TYP != Collect.TYP
    garbled = SignedAct(record="a.b", identity=DANA.identity)
    assert (await refused(garbled))[:2] == (Step.SHAPE, "malformed_jws")
    no_token = SignedAct(record=collect().record, identity=Identity(bind=DANA.bind, id_token="x"))
    assert (await refused(no_token))[:2] == (Step.SHAPE, "malformed_token")


async def test_step_2_what_is_for_another_agent_and_no_key_is_fetched_for_it() -> None:
    keys = Keys()
    assert (await refused(collect(), keys, audience="p0-agent:" + "x" * 43))[:2] == (Step.AUDIENCE, "act_audience")
    assert keys.asked == []


async def test_step_3_the_token() -> None:
    assert await refused(collect(), now=NOW + 400) == (Step.TOKEN, "token_expired", "Sign in again: p0 login")
    assert (await refused(collect(), issuers={}))[:2] == (Step.TOKEN, "issuer_unknown")


async def test_an_issuer_that_is_away_is_waited_for_as_long_as_the_act_holds() -> None:
    signed = collect()
    until = jws.unverified_record(signed.record, Collect).exp
    away = Keys(ProofError("away", code="issuer_unavailable", hint="Later."))
    with pytest.raises(IssuerUnavailableError) as caught:
        await verified(signed, away, now=until - 1)
    assert caught.value.code == "issuer_unavailable"
    assert await refused(signed, away, now=until) == (Step.TOKEN, "issuer_unavailable", "Later.")


async def test_step_4_the_commitment() -> None:
    other = commitment.make_bind(DANA.key.public, secrets.token_bytes)
    swapped = msgspec.structs.replace(DANA.identity, bind=other)
    assert (await refused(collect(beside=swapped)))[:2] == (Step.COMMITMENT, "nonce_mismatch")
    short = msgspec.structs.replace(ISSUER.trusted, max_session=100)
    late = collect(Person(name="dana", groups=(), issuer=ISSUER, clock=lambda: NOW, token_seconds=900))
    told = await refused(late, issuers={ISSUER.url: short}, now=NOW + 100)
    assert told == (Step.COMMITMENT, "session_too_old", "Sign in again: p0 login")


async def test_step_4_of_a_workload() -> None:
    from p0_access.proof.issuers import Workloads

    trusted = TrustedIssuer(issuer=ISSUER.url, algorithms=("ES256",), workloads=Workloads(claims={"sub": ("dana",)}))
    other = commitment.workload_audience(commitment.make_bind(DANA.key.public, secrets.token_bytes))
    identity = Identity(bind=DANA.bind, id_token=DANA.token(aud=other))
    told = await refused(collect(beside=identity), issuers={ISSUER.url: trusted})
    assert told[:2] == (Step.COMMITMENT, "audience_mismatch")


async def test_step_5_the_signature() -> None:
    eve = Person(name="dana", groups=(), issuer=ISSUER, clock=lambda: NOW)
    by_another = SignedAct(record=collect(eve).record, identity=DANA.identity)
    assert (await refused(by_another))[:2] == (Step.SIGNATURE, "record_key")
    assert (await refused(collect(), now=NOW - 61))[:2] == (Step.TOKEN, "token_not_yet_valid")
    later = Person(name="dana", groups=(), issuer=ISSUER, clock=lambda: NOW, token_seconds=2_000)
    assert (await refused(collect(later), now=NOW + 1_000))[:2] == (Step.SIGNATURE, "act_expired")
    for_another = DANA.stepping_up(collect())
    crossed = SignedAct(record=collect().record, identity=for_another.identity)
    assert (await refused(crossed))[:2] == (Step.SIGNATURE, "step_up_nonce")
