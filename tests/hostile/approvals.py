"""Attacks on what people decide: approvals forged, widened, crossed and reused, collections and ends by others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fix_agent_core import EMAILS, MARKETS, RULES
from fix_hostile_server import Hostile, Theme
from fix_people import Person
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import Result
from p0_access.permissions.permission import column
from p0_access.routing.load import load

APPROVALS = Theme("Approvals")
COLLECTIONS = Theme("Collections and ends")


def approval(
    h: Hostile, admitted: Result, person: Person, *, beside: Identity | None = None, **changes: Any
) -> SignedAct:
    admission = h.bench.admission(admitted)
    wanted: dict[str, Any] = {
        "agent": h.agent,
        "ah": admission.hash,
        "decision": "approve",
        "permissions": admission.record.permissions,
        "ttl": 600,
        "comment": "fine",
    }
    return person.signing(beside).sign_approval(**wanted | changes)


def approves(name: str, step: int, code: str, make: Any) -> None:
    """A request of dana's waits for somebody of `privacy`; the server hands in `make(hostile, admitted)`."""

    @APPROVALS.attack(name, step, code)
    async def _(h: Hostile) -> object:
        request, admitted = await h.admitted()
        return await h.bench.do("approval", request, make(h, admitted))


def wider(h: Hostile, admitted: Result) -> list[Any]:
    return [*h.bench.admission(admitted).record.permissions, column("enterprise", "customers", "phone", "SELECT")]


approves("say that somebody approved, without their word", 9, "act_missing", lambda h, admitted: None)
approves(
    "sign an approval with the server's own key", 5, "record_key",
    lambda h, admitted: h.signed_anew(approval(h, admitted, h.pat)),
)  # fmt: skip
approves(
    "turn a denial into an approval", 5, "signature_invalid",
    lambda h, admitted: h.tampered(approval(h, admitted, h.pat, decision="deny"), decision="approve"),
)  # fmt: skip
approves(
    "lengthen what was approved", 5, "signature_invalid",
    lambda h, admitted: h.tampered(approval(h, admitted, h.pat), ttl=1800),
)  # fmt: skip
approves(
    "move an approval to another admission", 5, "signature_invalid",
    lambda h, admitted: h.tampered(approval(h, admitted, h.pat, ah="x" * 43), ah=h.bench.admission(admitted).hash),
)  # fmt: skip
approves(
    "an approval of something else", 9, "approval_mismatch",
    lambda h, admitted: approval(h, admitted, h.pat, ah="x" * 43),
)  # fmt: skip
approves(
    "an approval for another agent", 2, "act_audience",
    lambda h, admitted: approval(h, admitted, h.pat, agent="b" * 43),
)  # fmt: skip
approves(
    "a collection for an approval", 1, "record_type",
    lambda h, admitted: h.pat.signer.sign_collect(agent=h.agent, rh="x" * 43, ah="x" * 43),
)  # fmt: skip
approves("the requestor's own approval", 9, "own_request", lambda h, admitted: approval(h, admitted, h.dana))
approves(
    "the same, by a second account with the same address", 9, "not_an_approver",
    lambda h, admitted: approval(h, admitted, h.second_account("dana-admin", "dana@corp.example")),
)  # fmt: skip
approves(
    "the same, by an account at another identity provider", 9, "not_an_approver",
    lambda h, admitted: approval(h, admitted, h.account("dana", "privacy")),
)  # fmt: skip
approves(
    "a bystander's approval", 9, "not_an_approver", lambda h, admitted: approval(h, admitted, h.eve)
)  # fmt: skip
approves(
    "an approval under a workload's name that is like a person's", 9, "not_an_approver",
    lambda h, admitted: approval(h, admitted, h.account("pat", "privacy")),
)  # fmt: skip
approves(
    "an approver who adds permissions", 9, "approval_wider",
    lambda h, admitted: approval(h, admitted, h.pat, permissions=wider(h, admitted)),
)  # fmt: skip
approves(
    "an approver who adds time", 9, "approval_longer", lambda h, admitted: approval(h, admitted, h.pat, ttl=1801)
)  # fmt: skip
approves(
    "an approver who left the group, by a token of before", 9, "not_an_approver",
    lambda h, admitted: approval(h, admitted, h.pat, beside=left_the_group(h)),
)  # fmt: skip


def left_the_group(h: Hostile) -> Identity:
    return Identity(bind=h.pat.bind, id_token=h.pat.id_token, fresh=h.pat.token(groups=[]))


@APPROVALS.attack("an approval of the same person's other request", 9, "approval_mismatch")
async def _(h: Hostile) -> object:
    request, _ = await h.admitted()
    _, other = await h.admitted()
    return await h.bench.approve(request, other, h.pat)


@APPROVALS.attack("an approval of the same that somebody else asks for", 9, "approval_mismatch")
async def _(h: Hostile) -> object:
    _, admitted = await h.admitted()
    theirs = h.bench.ask(h.eve, EMAILS)[0]
    assert (await h.bench.admit(theirs)).outcome == "pending"
    return await h.bench.do("approval", theirs, approval(h, admitted, h.pat))


def counts_as_two(name: str, *deliveries: int) -> None:
    """Two people of `dba` must approve; what is handed in of ann's two approvals and bob's one, by number, is less."""

    @APPROVALS.attack(name, 10, "already_admitted")
    async def _(h: Hostile) -> object:
        request, admitted = await h.admitted("delete from enterprise.orders where id = 1")
        ann, bob = h.bench.person("ann", "dba"), h.bench.person("bob", "dba")
        acts = [by.stepping_up(approval(h, admitted, by, ttl=60)) for by in (ann, ann, bob)]
        for number in deliveries:
            assert (await h.bench.do("approval", request, acts[number])).outcome == "pending"
        return await h.bench.collect(request, admitted, h.dana)


counts_as_two("drop one of the two approvals that are needed", 2)
counts_as_two("deliver one approval as often as two are needed", 0, 0)
counts_as_two("have one approver sign twice where two are needed", 0, 1)


@APPROVALS.attack("an approval held back until its tokens have expired", 3, "token_expired")
async def _(h: Hostile) -> object:
    request, admitted = await h.admitted()
    act = approval(h, admitted, h.pat)
    h.later(1_000)
    return await h.bench.do("approval", request, act)


@APPROVALS.attack("an approval from a clock that is ahead", 5, "act_early")
async def _(h: Hostile) -> object:
    request, admitted = await h.admitted()
    now = h.bench.context.now()
    act = h.signed_by(h.pat, approval(h, admitted, h.pat), iat=now + 61, exp=now + 120)
    return await h.bench.do("approval", request, act)


@APPROVALS.attack("an approval that ended before it arrived", 5, "act_expired")
async def _(h: Hostile) -> object:
    request, admitted = await h.admitted()
    long = replace(h.pat, token_seconds=9_000)
    act = approval(h, admitted, long)
    h.later(3_600)
    return await h.bench.do("approval", request, act)


@APPROVALS.attack("an approval before the request is there", 9, "ledger_unknown")
async def _(h: Hostile) -> object:
    _, admitted = await h.admitted()
    return await h.bench.do("approval", h.asked(EMAILS), approval(h, admitted, h.pat))


@APPROVALS.attack("an approval after a denial", 9, "already_denied")
async def _(h: Hostile) -> object:
    request, admitted = await h.admitted()
    assert (await h.bench.approve(request, admitted, h.pat, decision="deny")).outcome == "denied"
    return await h.bench.approve(request, admitted, h.bench.person("pim", "privacy"))


def collects(name: str, step: int, code: str, make: Any) -> None:
    """A request of dana's is approved; the server hands in `make(hostile, admitted)` to have the login made."""

    @COLLECTIONS.attack(name, step, code)
    async def _(h: Hostile) -> object:
        request, admitted = await h.approved()
        return await h.bench.do("collect", request, make(h, admitted))


def collection(h: Hostile, admitted: Result, person: Person, beside: Identity | None = None) -> SignedAct:
    admission = h.bench.admission(admitted)
    return person.signing(beside).sign_collect(agent=h.agent, rh=admission.record.rh, ah=admission.hash)


def with_the_fresh_token_of(h: Hostile, person: Person) -> Identity:
    return Identity(bind=h.dana.bind, id_token=h.dana.id_token, fresh=person.token())


collects("collect, though nobody came for it", 10, "act_missing", lambda h, admitted: None)
collects("collect in the approver's name", 10, "not_the_requestor", lambda h, admitted: collection(h, admitted, h.pat))
collects(
    "collect in the name of the same subject at another provider", 10, "not_the_requestor",
    lambda h, admitted: collection(h, admitted, h.account("dana", "analysts")),
)  # fmt: skip
collects(
    "collect with somebody else's refreshed token", 3, "fresh_mismatch",
    lambda h, admitted: collection(h, admitted, h.dana, with_the_fresh_token_of(h, h.pat)),
)  # fmt: skip
collects(
    "sign the collection with the server's own key", 5, "record_key",
    lambda h, admitted: h.signed_anew(collection(h, admitted, h.dana)),
)  # fmt: skip
collects(
    "collect what is another request's", 10, "collect_mismatch",
    lambda h, admitted: h.dana.signer.sign_collect(agent=h.agent, rh="x" * 43, ah=h.bench.admission(admitted).hash),
)  # fmt: skip
collects(
    "collect for somebody who has left the group meanwhile", 10, "changed",
    lambda h, admitted: collection(h, admitted, h.dana, left(h)),
)  # fmt: skip


def left(h: Hostile) -> Identity:
    return Identity(bind=h.dana.bind, id_token=h.dana.id_token, fresh=h.dana.token(groups=[]))


@COLLECTIONS.attack("collect under rules that have become stricter", 10, "changed")
async def _(h: Hostile) -> object:
    request, admitted = await h.approved()
    rules = load(RULES.replace("groups: [privacy]}, count: 1", "groups: [privacy]}, count: 2").encode(), source="r")
    h.bench.context = replace(h.bench.context, rules=rules)
    return await h.bench.collect(request, admitted, h.dana)


@COLLECTIONS.attack("collect before anybody has approved", 10, "already_admitted")
async def _(h: Hostile) -> object:
    request, admitted = await h.admitted()
    return await h.bench.collect(request, admitted, h.dana)


@COLLECTIONS.attack("collect before the request is there", 10, "ledger_unknown")
async def _(h: Hostile) -> object:
    _, admitted = await h.approved()
    return await h.bench.do("collect", h.asked(EMAILS), collection(h, admitted, h.dana))


@COLLECTIONS.attack("keep a collection for later", 10, "collect_stale")
async def _(h: Hostile) -> object:
    request, admitted = await h.approved()
    act = h.signed_by(h.dana, collection(h, admitted, h.dana), exp=h.bench.context.now() + 86_400)
    h.later(120)
    return await h.bench.do("collect", request, act)


@COLLECTIONS.attack("collect again what has ended", 10, "already_ended")
async def _(h: Hostile) -> object:
    request, result, _ = await h.active()
    assert (await h.bench.end(request, h.dana)).outcome == "ended"
    return await h.bench.collect(request, result, h.dana)


@COLLECTIONS.attack("end what the agent does not know", 6, "ledger_unknown")
async def _(h: Hostile) -> object:
    return await h.bench.do("end", h.asked(MARKETS))


@COLLECTIONS.attack("end an access in a bystander's name", 9, "not_allowed")
async def _(h: Hostile) -> object:
    request, _, _ = await h.active()
    return await h.bench.end(request, h.eve, "revoke")


@COLLECTIONS.attack("end another access than was signed", 9, "end_mismatch")
async def _(h: Hostile) -> object:
    request, _, _ = await h.active()
    other = h.dana.signer.sign_end(agent=h.agent, rh="x" * 43, act="relinquish", comment="")
    return await h.bench.do("end", request, other)
