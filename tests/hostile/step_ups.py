"""Sign-ins made for one act, used for what they were not made for; and sign-ins of the second kind: pasted ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from fix_agent_core import RULES
from fix_hostile_server import Hostile, Theme
from fix_mandates import DELETES, allowance, delegation
from fix_people import CLIENT, Person
from hostile.mandates import emergency, reviewing
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import Result
from p0_access.messages.records import Approval
from p0_access.proof import commitment, jws
from p0_access.routing.load import load

STEP_UPS = Theme("Sign-ins for one act")
PASTED = Theme("Pasted sign-ins")
PASTE_CLIENT = "p0-paste"
DELETE = "delete from enterprise.orders where id = 1"
STRONG = RULES.replace("count: 2}", "count: 2, step_up: {acr: [phr], amr: [hwk]}}")
READ_STEPS_UP = RULES.replace(
    "privileges: [SELECT]}\n    approval: {auto: true",
    "privileges: [SELECT]}\n    approval: {auto: true, step_up: true",
)


async def approving(h: Hostile, beside: Callable[[Person, SignedAct], SignedAct], *, rules: str = RULES) -> Result:
    """Ann's approval of a write; what goes with it is as `beside` says."""
    h.bench.context = replace(h.bench.context, rules=load(rules.encode(), source="rules.yaml"))
    request, admitted = await h.admitted(DELETE)
    ann = h.bench.person("ann", "dba")
    return await h.bench.do("approval", request, beside(ann, approval(h, ann, admitted)))


def approval(h: Hostile, by: Person, admitted: Result) -> SignedAct:
    admission = h.bench.admission(admitted)
    return by.signer.sign_approval(
        agent=h.agent,
        ah=admission.hash,
        decision="approve",
        permissions=admission.record.permissions,
        ttl=60,
        comment="",
    )


def with_token(act: SignedAct, token: str | None) -> SignedAct:
    return SignedAct(record=act.record, identity=msgspec.structs.replace(act.identity, step_up=token))


def step_up(
    name: str, step: int, code: str, beside: Callable[[Hostile, Person, SignedAct], SignedAct], **more: Any
) -> None:
    @STEP_UPS.attack(name, step, code)
    async def _(h: Hostile) -> object:
        return await approving(h, lambda ann, act: beside(h, ann, act), **more)


def of_another_act(h: Hostile, ann: Person, act: SignedAct) -> SignedAct:
    other = ann.stepping_up(ann.signer.sign_end(agent=h.agent, rh="A" * 43, act="revoke", comment=""))
    return with_token(act, other.identity.step_up)


def of_another_session(h: Hostile, ann: Person, act: SignedAct) -> SignedAct:
    again = h.bench.person("ann", "dba")
    return with_token(act, again.stepping_up(act).identity.step_up)


def of_somebody_else(h: Hostile, ann: Person, act: SignedAct) -> SignedAct:
    made_for = commitment.step_up_nonce(ann.bind, jws.record_hash(act.record))
    return with_token(act, h.eve.token(nonce=made_for, auth_time=int(h.bench.clock())))


def elsewhere(h: Hostile, ann: Person, act: SignedAct) -> SignedAct:
    same = Person(name="ann", groups=("dba",), issuer=h.elsewhere, clock=h.bench.clock, key=ann.key)
    same.bind = ann.bind
    return with_token(act, same.stepping_up(act).identity.step_up)


def as_old_as_the_session(h: Hostile, ann: Person, act: SignedAct) -> SignedAct:
    """Whoever has the session key dates the act; the provider knows the browser, and gives a token without asking."""
    then = int(h.bench.clock()) - 3_600
    record = msgspec.structs.replace(jws.unverified_record(act.record, Approval), iat=then)
    return ann.stepping_up(SignedAct(record=jws.sign(record, ann.key), identity=act.identity), auth_time=then)


step_up("an approval of a write without one", 9, "step_up_required", lambda h, ann, act: act)
step_up("one that was made for another act", 5, "step_up_nonce", of_another_act)
step_up("one that was made in another session of the same person", 5, "step_up_nonce", of_another_session)
step_up("the token of the session in its place", 5, "step_up_nonce", lambda h, ann, act: with_token(act, ann.id_token))
step_up("one made by somebody else", 3, "step_up_subject", of_somebody_else)
step_up("one made at another identity provider", 3, "step_up_issuer", elsewhere)
step_up(
    "one of another client of the same provider",
    3,
    "token_audience",
    lambda h, ann, act: ann.stepping_up(act, aud="website"),
)
step_up(
    "one for which nobody was asked to sign in, but long before",
    5,
    "step_up_older",
    lambda h, ann, act: ann.stepping_up(act, auth_time=int(h.bench.clock()) - 61),
)
step_up("one that nobody was asked for, of an act that claims to be as old", 5, "step_up_older", as_old_as_the_session)
step_up(
    "one that does not say when", 5, "step_up_auth_time", lambda h, ann, act: with_token(act, _without_time(ann, act))
)
step_up(
    "one that has expired", 3, "token_expired", lambda h, ann, act: ann.stepping_up(act, exp=int(h.bench.clock()) - 60)
)
step_up("one that says not how", 9, "step_up_acr", lambda h, ann, act: ann.stepping_up(act), rules=STRONG)
step_up(
    "one by a password where the rules want a key",
    9,
    "step_up_amr",
    lambda h, ann, act: ann.stepping_up(act, acr="phr", amr=["pwd"]),
    rules=STRONG,
)


def _without_time(ann: Person, act: SignedAct) -> str:
    return ann.token(nonce=commitment.step_up_nonce(ann.bind, jws.record_hash(act.record)))


@STEP_UPS.attack("one in place of the session's token", 4, "nonce_mismatch")
async def _(h: Hostile) -> object:
    act = h.asked()
    made_for = h.dana.stepping_up(act).identity.step_up
    return await h.bench.admit(h.beside(act, id_token=made_for))


@STEP_UPS.attack("take it away from a request that needs it", 8, "step_up_required")
async def _(h: Hostile) -> object:
    h.bench.context = replace(h.bench.context, rules=load(READ_STEPS_UP.encode(), source="rules.yaml"))
    stepped_up = h.dana.stepping_up(h.asked())
    return await h.bench.admit(h.beside(stepped_up, step_up=None))


@STEP_UPS.attack("have somebody else stand in, by a session that was left open", 9, "step_up_required")
async def _(h: Hostile) -> object:
    return await h.bench.do("mandate", delegation(h.bench, h.bench.person("ann", "dba"), h.eve))


@STEP_UPS.attack("allow writes in advance, by a session that was left open", 9, "step_up_required")
async def _(h: Hostile) -> object:
    return await h.bench.do("mandate", allowance(h.bench, h.bench.person("ann", "dba"), h.eve, *DELETES))


def pasting(h: Hostile, name: str, *groups: str) -> Person:
    """Who signed in on a machine without a browser, by the client that is for it."""
    trusted = {
        url: msgspec.structs.replace(each, paste_client_ids=(PASTE_CLIENT,))
        for url, each in h.bench.context.issuers.items()
    }
    h.bench.context = replace(h.bench.context, issuers=trusted)
    person = h.bench.person(name, *groups)
    person.id_token = person.token(nonce=commitment.nonce(person.bind), aud=PASTE_CLIENT)
    return person


@PASTED.attack("a pasted sign-in where none is configured", 3, "token_audience")
async def _(h: Hostile) -> object:
    kept = h.bench.context
    dana = pasting(h, "dana", "analysts")
    h.bench.context = kept
    return await h.bench.admit(h.bench.ask(dana, "select id from enterprise.markets")[0])


@PASTED.attack("an approval by who pasted their sign-in", 9, "pasted_session")
async def _(h: Hostile) -> object:
    pat = pasting(h, "pat", "privacy")
    request, admitted = await h.admitted()
    return await h.bench.do("approval", request, approval(h, pat, admitted))


@PASTED.attack("a delegation by who pasted their sign-in", 9, "pasted_session")
async def _(h: Hostile) -> object:
    return await h.bench.do("mandate", delegation(h.bench, pasting(h, "ann", "dba"), h.eve))


@PASTED.attack("a review of an emergency by who pasted their sign-in", 9, "pasted_session")
async def _(h: Hostile) -> object:
    _, request, result = await emergency(h)
    return await reviewing(h, pasting(h, "sue", "security"), request, result)


@PASTED.attack("a sign-in for one act, beside a pasted one", 3, "step_up_client")
async def _(h: Hostile) -> object:
    dana = pasting(h, "dana", "analysts")
    return await h.bench.admit(dana.stepping_up(h.bench.ask(dana, "select id from enterprise.markets")[0], aud=CLIENT))


@PASTED.attack("a pasted sign-in after an hour", 4, "session_too_old")
async def _(h: Hostile) -> object:
    dana = pasting(h, "dana", "analysts")
    h.later(3_600)
    identity = Identity(bind=dana.bind, id_token=dana.id_token, fresh=dana.token(aud=PASTE_CLIENT))
    return await h.bench.admit(h.bench.ask(dana, "select id from enterprise.markets", beside=identity)[0])
