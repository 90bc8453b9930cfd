"""Steps 10 to 13: who collects gets a login with exactly what was admitted and approved, sealed to the request's own
key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from p0_access.messages.job import Answer, Job
from p0_access.messages.records import Admission, Collect, Credential, CredentialPlaintext, Request
from p0_access.permissions.permission import WRITING
from p0_access.proof import jws
from p0_access.proof.sealing import SUITE_NAME, seal
from p0_access.routing.decide import route
from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval, Requestor, Session
from p0_agent.core import ceiling
from p0_agent.core.acts import admission_of, known, request_of, verified
from p0_agent.core.context import Context
from p0_agent.core.counting import Allowed, granted, progress
from p0_agent.core.emergency import tell
from p0_agent.core.extending import lengthen
from p0_agent.core.needs import read, search_path
from p0_agent.core.window import in_window
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.names import login_name
from p0_agent.postgres.provision import Opened, Order

COLLECT_MAX_AGE: Final = 120
"""Seconds after which "I am here" no longer says so."""


async def collect(job: Job, context: Context) -> Answer:
    """Step 10: the requestor, here and now, wants what was admitted. It is read and routed again, for the person that
    the requestor is now, by the rules of now, and must not have become more."""
    if job.act is None:
        raise RefusedError("a collection is signed", step=Step.COLLECT, code="act_missing")
    entry = await known(job.request, context, step=Step.COLLECT)
    found = await verified(job.act, Collect, context)
    admission = admission_of(entry, context)
    subject = found.person.subject
    if (subject.iss, subject.sub) != (admission.subject.iss, admission.subject.sub):
        raise RefusedError("only who asked can collect", step=Step.COLLECT, code="not_the_requestor")
    if found.act.rh != entry.rh or found.act.ah != jws.record_hash(entry.admission or ""):
        raise RefusedError("this collects something else", step=Step.COLLECT, code="collect_mismatch")
    if found.act.iat + COLLECT_MAX_AGE <= context.now():
        raise RefusedError("this was signed too long ago", step=Step.COLLECT, code="collect_stale", hint="Try again.")
    if entry.stage in {"approved", "provisioned"}:
        await _unchanged(entry, admission, found.person.requestor, context)
        await context.cluster.evidence.append("collect", found.compact, context.now())
    return await provide(entry, admission, context)


async def provide(entry: Entry, admission: Admission, context: Context) -> Answer:
    """Steps 11 to 13, or the credential again that was sealed before. Safe to repeat after a crash anywhere in it."""
    if entry.stage == "sealed":
        return sealed(entry)
    if entry.stage not in {"approved", "provisioned"}:
        raise RefusedError(
            f"the request is {entry.stage}, not approved", step=Step.COLLECT, code=f"already_{entry.stage}"
        )
    request = request_of(entry)
    if request.exp <= context.now():
        raise RefusedError("the request has lapsed", step=Step.COLLECT, code="lapsed", hint="Ask again.")
    allowed = await granted(entry, admission, context)
    in_window(allowed.not_after, context.now(), step=Step.COLLECT)
    if request.extends is not None:
        return await lengthen(entry, allowed, context)
    with at(Step.CEILING):
        live = await context.cluster.ledger.count_live()
    ceiling.check(
        allowed.permissions, context.ceiling, schemas=frozenset(context.cluster.databases[entry.database]), live=live
    )
    await tell(entry, admission, context)
    opened = await _provision(entry, admission, allowed, context)
    return sealed(await _seal(entry, request, opened, context))


def sealed(entry: Entry) -> Answer:
    """The credential as it was sealed once; it is never sealed anew."""
    return Answer(
        outcome="active",
        records=tuple(record for record in (entry.admission, entry.credential) if record is not None),
        login=entry.login,
        not_after=entry.not_after,
    )


async def _unchanged(entry: Entry, admission: Admission, person: Requestor, context: Context) -> None:
    """Hours are left out here: `in_window` says more plainly that they are over."""
    needs = await read(request_of(entry), person, context)
    if (needs.question.granted, needs.question.reached, needs.objects) != (
        admission.permissions,
        admission.reached,
        admission.objects,
    ):
        raise RefusedError(
            "what the SQL needs has changed since it was admitted",
            step=Step.COLLECT,
            code="changed",
            hint="Ask again, so that it is reviewed again.",
        )
    question = msgspec.structs.replace(needs.question, at=datetime.fromtimestamp(admission.iat, UTC))
    with at(Step.COLLECT):
        now = route(context.rules, question)
    if not _no_harder(now, admission.rules.decision):
        raise RefusedError(
            "by the rules, or by your groups, it would be decided otherwise now",
            step=Step.COLLECT,
            code="changed",
            hint="Ask again, so that it is decided again.",
        )


def _no_harder(now: Decision, admitted: Decision) -> bool:
    """Whether who had `admitted` fulfilled may have it by the decision that it would be `now`."""
    if isinstance(now, Denied) or isinstance(admitted, Denied) or now.ttl < admitted.ttl:
        return False
    if not set(now.step_up) <= set(admitted.step_up):
        return False
    if now.emergency not in {None, admitted.emergency}:  # others would be told of it, or look at it sooner
        return False
    if now.not_after is not None and (admitted.not_after is None or now.not_after < admitted.not_after):
        return False
    if now.session not in {None, admitted.session}:
        return False
    if isinstance(now, Automatic):
        return True
    return isinstance(admitted, NeedsApproval) and now.requirements == admitted.requirements


async def _provision(entry: Entry, admission: Admission, allowed: Allowed, context: Context) -> Opened:
    subject = admission.subject
    one_shot = request_of(entry).ends_with_session(admission.permissions)
    decision = admission.rules.decision
    session = Session() if isinstance(decision, Denied) else decision.session or Session()
    order = Order(
        rh=entry.rh,
        rid=entry.rid,
        database=entry.database,
        login=login_name(person=subject.email or subject.sub, issuer=subject.iss, subject=subject.sub, rh=entry.rh),
        permissions=allowed.permissions,
        not_after=_not_after(allowed, context),
        read_only=not any(permission.privilege in WRITING for permission in (*allowed.permissions, *admission.reached)),
        search_path=search_path(request_of(entry)),
        connection_limit=1
        if one_shot
        else min(context.ceiling.connections, session.connections or context.ceiling.connections),
        session=session,
        person=subject.email or subject.sub,
        about=await _about(entry, admission, context),
    )
    with at(Step.PROVISION):
        return await context.cluster.open(order, context.now())


async def _about(entry: Entry, admission: Admission, context: Context) -> str:
    """Who has it, by whose approval, and why, for whoever looks at the role."""
    subject = admission.subject
    by = dict.fromkeys(who for each in await progress(entry, context) for who in each.by)
    approved = f"approved by {', '.join(by)}" if by else "approved by rule"
    return f"{subject.email or subject.sub} ({subject.iss}#{subject.sub}); {approved}; {request_of(entry).reason}"


def _not_after(allowed: Allowed, context: Context) -> int:
    """The least of all: what was asked, ruled and approved, the ceiling, and the end of the rule's window."""
    end = context.now() + min(allowed.ttl, context.ceiling.max_ttl)
    return end if allowed.not_after is None else min(end, allowed.not_after)


async def _seal(entry: Entry, request: Request, opened: Opened, context: Context) -> Entry:
    plaintext = CredentialPlaintext(
        host=context.advertised.host,
        port=context.advertised.port,
        dbname=entry.database,
        user=opened.login,
        password=opened.password.reveal(),
        sslmode=context.advertised.sslmode,
        channel_binding=context.advertised.channel_binding,
        sslrootcert=context.sslrootcert,
        not_after=opened.not_after,
    )
    with at(Step.SEAL):
        credential = Credential(
            rid=entry.rid,
            rh=entry.rh,
            iat=context.now(),
            exp=opened.not_after,
            suite=SUITE_NAME,
            ct=seal(plaintext, request.enc, rh=entry.rh, aud=context.audience),
            log=await context.cluster.evidence.head(),
        )
        signed = jws.sign(credential, context.key)
        return await context.cluster.ledger.seal(entry.rh, signed, context.now(), attempt=opened.attempt)
