"""Attacks on what was signed in advance, on emergencies, extensions and lapse: reused, widened, moved, faked."""

from __future__ import annotations

from typing import Any

from fix_agent_core import EMAILS, MARKETS
from fix_hostile_server import Hostile, Theme
from fix_mandates import allowance, delegation, stands, with_rules
from fix_people import Person
from p0_access.messages.identity import SignedAct
from p0_access.messages.job import Result
from p0_access.permissions.permission import column
from p0_access.proof import jws
from p0_agent.config import NoticeSettings
from p0_agent.notice import NoticeChannel

MANDATES = Theme("What was signed in advance")
EMERGENCIES = Theme("Emergencies, extensions, and time")

EMAIL = column("enterprise", "customers", "email", "SELECT")
NAME = column("enterprise", "customers", "name", "SELECT")


async def collected(h: Hostile, by: Person, sql: str = EMAILS, **changes: Any) -> Result:
    """The person asks, and at once collects what would only be there by the mandate."""
    request, _ = h.bench.ask(by, sql, **changes)
    return await h.bench.collect(request, await h.bench.admit(request), by)


def allowed(h: Hostile, **changes: Any) -> SignedAct:
    """Pat allows dana to read addresses, once."""
    with_rules(h.bench)
    return allowance(h.bench, h.pat, h.dana, EMAIL, **changes)


@MANDATES.attack("use an allowance more often than it says", 10, "already_admitted")
async def _(h: Hostile) -> object:
    await stands(h.bench, allowed(h))
    first, _ = h.bench.ask(h.dana, EMAILS)
    assert (await h.bench.admit(first)).outcome == "approved"
    await h.bench.end(first, h.dana, "cancel")  # a use is spent all the same
    return await collected(h, h.dana)


@MANDATES.attack("hand the same allowance in again once it is used up", 10, "already_admitted")
async def _(h: Hostile) -> object:
    mandate = await stands(h.bench, allowed(h))
    first, _ = h.bench.ask(h.dana, EMAILS)
    await h.bench.admit(first)
    await h.bench.end(first, h.dana, "cancel")
    await h.bench.do("mandate", mandate)
    return await collected(h, h.dana)


@MANDATES.attack("apply an allowance to another person", 10, "already_admitted")
async def _(h: Hostile) -> object:
    await stands(h.bench, allowed(h))
    return await collected(h, h.eve)


@MANDATES.attack("apply an allowance for SQL to permissions by name", 10, "already_admitted")
async def _(h: Hostile) -> object:
    await stands(h.bench, allowed(h))
    return await collected(h, h.dana, what=h.granting(EMAIL))


@MANDATES.attack("apply an allowance to what it does not name", 10, "already_admitted")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    await stands(h.bench, allowance(h.bench, h.pat, h.dana, NAME))
    return await collected(h, h.dana)


@MANDATES.attack("raise the uses of an allowance", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    return await h.bench.do("mandate", h.tampered(allowed(h), uses=1000))


@MANDATES.attack("make an allowance last longer", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    mandate = allowed(h)
    return await h.bench.do("mandate", h.tampered(mandate, exp=h.claims(mandate)["exp"] + 86_400))


@MANDATES.attack("put another name into an allowance", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    mandate = allowed(h)
    subject = h.claims(mandate)["subject"] | {"sub": "eve"}
    return await h.bench.do("mandate", h.tampered(mandate, subject=subject))


@MANDATES.attack("sign an allowance itself", 5, "record_key")
async def _(h: Hostile) -> object:
    return await h.bench.do("mandate", h.signed_anew(allowed(h)))


@MANDATES.attack("keep an allowance back until its tokens have expired", 3, "token_expired")
async def _(h: Hostile) -> object:
    mandate = allowed(h)
    h.later(400)
    return await h.bench.do("mandate", mandate)


@MANDATES.attack("call an approval an allowance", 1, "record_type")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    return await h.bench.do("mandate", h.asked(EMAILS))


@MANDATES.attack("have the requestor allow themselves something", 9, "own_request")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    return await h.bench.do("mandate", allowance(h.bench, h.dana, h.dana, EMAIL))


@MANDATES.attack("use an allowance for writing that was signed without a sign-in of its own", 9, "step_up_required")
async def _(h: Hostile) -> object:
    ann = h.bench.person("ann", "dba")
    with_rules(h.bench, STRICT)
    writes = column("enterprise", "orders", "id", "UPDATE")
    return await h.bench.do("mandate", allowance(h.bench, ann, h.dana, writes))


@MANDATES.attack("delegate in somebody's name", 5, "record_key")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    return await h.bench.do("mandate", h.signed_anew(delegation(h.bench, h.pat, h.eve)))


@MANDATES.attack("use a delegation once it has ended", 9, "not_an_approver")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    await stands(h.bench, delegation(h.bench, h.pat, h.eve, lifetime=60))
    h.later(60)
    request, _ = h.bench.ask(h.dana, EMAILS)
    return await h.bench.approve(request, await h.bench.admit(request), h.eve)


@MANDATES.attack("have the requestor approve in an approver's place", 9, "own_request")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    await stands(h.bench, delegation(h.bench, h.pat, h.dana))
    request, _ = h.bench.ask(h.dana, EMAILS)
    return await h.bench.approve(request, await h.bench.admit(request), h.dana)


@MANDATES.attack("have somebody approve in the requestor's own place", 9, "not_an_approver")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    dora = h.bench.person("dora", "analysts", "privacy")
    await stands(h.bench, delegation(h.bench, dora, h.eve))
    request, _ = h.bench.ask(dora, EMAILS)
    return await h.bench.approve(request, await h.bench.admit(request), h.eve)


@MANDATES.attack("withdraw what somebody else signed, in a signed act", 9, "not_allowed")
async def _(h: Hostile) -> object:
    mandate = await stands(h.bench, allowed(h))
    act = h.eve.signer.sign_end(agent=h.agent, rh=jws.record_hash(mandate.record), act="revoke", comment="")
    return await h.bench.do("withdraw", mandate, act)


def on_call(h: Hostile) -> Person:
    with_rules(h.bench)
    return h.bench.person("olga", "oncall")


@EMERGENCIES.attack("make an emergency of an ordinary request", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.tampered(h.bench.ask(on_call(h), EMAILS)[0], break_glass=True))


@EMERGENCIES.attack("let an emergency through without a sign-in of its own", 8, "step_up_required")
async def _(h: Hostile) -> object:
    return await h.bench.admit(h.bench.ask(on_call(h), EMAILS, break_glass=True)[0])


@EMERGENCIES.attack("keep the notice of an emergency from everybody", 11, "notice_unconfigured")
async def _(h: Hostile) -> object:
    olga = on_call(h)
    return await h.bench.admit(olga.stepping_up(h.bench.ask(olga, EMAILS, break_glass=True)[0]))


async def emergency(h: Hostile) -> tuple[Person, SignedAct, Result]:
    """An emergency that was told, and is over."""
    olga = on_call(h)
    h.with_notices(NoticeChannel(NoticeSettings(command=("/bin/sh", "-c", "cat > /dev/null"))))
    request = olga.stepping_up(h.bench.ask(olga, EMAILS, break_glass=True)[0])
    result = await h.bench.admit(request)
    assert result.outcome == "active", result
    await h.bench.end(request, olga)
    return olga, request, result


async def reviewing(h: Hostile, by: Person, request: SignedAct, result: Result, **changes: Any) -> Result:
    admission = h.bench.admission(result)
    wanted: dict[str, Any] = {"rh": admission.record.rh, "ah": admission.hash, "comment": "fine"}
    return await h.bench.do("review", request, by.signer.sign_review(agent=h.agent, **wanted | changes))


@EMERGENCIES.attack("close a review as who broke the glass", 9, "not_a_reviewer")
async def _(h: Hostile) -> object:
    olga, request, result = await emergency(h)
    return await reviewing(h, olga, request, result)


@EMERGENCIES.attack("close a review as somebody who was not told", 9, "not_a_reviewer")
async def _(h: Hostile) -> object:
    _, request, result = await emergency(h)
    return await reviewing(h, h.pat, request, result)


@EMERGENCIES.attack("close a review by one of another emergency", 9, "review_mismatch")
async def _(h: Hostile) -> object:
    _, request, result = await emergency(h)
    return await reviewing(h, h.bench.person("sam", "security"), request, result, ah="x" * 43)


@EMERGENCIES.attack("close a review that nobody signed", 9, "act_missing")
async def _(h: Hostile) -> object:
    _, request, _ = await emergency(h)
    return await h.bench.do("review", request)


@EMERGENCIES.attack("extend an access in another's name", 8, "extension_foreign")
async def _(h: Hostile) -> object:
    first, _, _ = await h.active()
    return await h.bench.admit(h.bench.ask(h.eve, MARKETS, extends=jws.record_hash(first.record))[0])


@EMERGENCIES.attack("extend one access by a request for another", 8, "extension_differs")
async def _(h: Hostile) -> object:
    first, _, _ = await h.active()
    other = "select name from enterprise.markets"
    return await h.bench.admit(h.bench.ask(h.dana, other, extends=jws.record_hash(first.record))[0])


@EMERGENCIES.attack("make an extension of a request that is none", 5, "signature_invalid")
async def _(h: Hostile) -> object:
    first, _, _ = await h.active()
    return await h.bench.admit(h.tampered(h.asked(), extends=jws.record_hash(first.record)))


@EMERGENCIES.attack("have those approve who are asked later, too early", 9, "not_an_approver")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    request, _ = h.bench.ask(h.dana, EMAILS)
    return await h.bench.approve(request, await h.bench.admit(request), h.bench.person("ann", "dba"))


@EMERGENCIES.attack("have a request approved that has waited too long", 9, "lapsed")
async def _(h: Hostile) -> object:
    with_rules(h.bench)
    request, _ = h.bench.ask(h.dana, EMAILS)
    admitted = await h.bench.admit(request)
    h.later(3600)
    return await h.bench.approve(request, admitted, h.bench.person("pat", "privacy"))


STRICT = """
version: 1
rules:
  - name: writes
    requestor: {groups: [analysts]}
    resource: {databases: ["*"], relations: ["enterprise.*"]}
    approval: {approvers: {groups: [dba]}}
"""
