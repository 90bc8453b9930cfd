"""Steps 6 to 8: a request is claimed, read, and routed by the agent's own rules; the outcome is a signed admission."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from p0_access.messages.job import Job
from p0_access.messages.records import Admission, AdmissionRules, Request
from p0_access.proof import jws
from p0_access.routing.decide import reason_missing, route
from p0_access.routing.decision import Automatic, Denied, Question
from p0_agent.core.access import provide
from p0_agent.core.acts import admission_of, request_of, requestor, verified
from p0_agent.core.answer import Answer
from p0_agent.core.context import Context
from p0_agent.core.needs import read
from p0_agent.core.standing import stands
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.ledger import Entry
from p0_agent.reading.reader import RequestReading
from p0_agent.verification.acts import VerifiedAct

COLLECTS_ITSELF: Final = 120
"""Seconds for which a fresh automatic request counts as its own collection: whoever signed it is still there."""


async def admit(job: Job, context: Context) -> Answer:
    """A new request; or one that came before, which was verified then and goes on at its stage."""
    rh = jws.record_hash(job.request.record)
    with at(Step.CLAIM):
        entry = await context.ledger.get(rh)
    if entry is None or entry.stage == "claimed":
        entry = await _claim_and_decide(job, context)
    if entry.stage in {"approved", "provisioned"}:
        admission = admission_of(entry, context)
        fresh = request_of(entry).iat + COLLECTS_ITSELF > context.now()
        if fresh and isinstance(admission.rules.decision, Automatic):
            return await provide(entry, admission, context)
    return await stands(entry, context)


async def _claim_and_decide(job: Job, context: Context) -> Entry:
    request = await verified(job.request, Request, context)
    if request.act.database not in context.databases:
        raise RefusedError(
            f"this agent does not serve the database {request.act.database!r}",
            step=Step.CLAIM,
            code="unknown_database",
            hint="p0 ls lists the databases",
        )
    with at(Step.CLAIM):
        entry = await context.ledger.claim(
            rh=request.hash,
            rid=request.act.rid,
            database=request.act.database,
            request=request.compact,
            now=context.now(),
        )
    return await _decide(request, entry, context) if entry.stage == "claimed" else entry


async def _decide(request: VerifiedAct[Request], entry: Entry, context: Context) -> Entry:
    reading = await read(request.act, context)
    admission = _admission(request, reading, context)
    stage: Literal["approved", "denied", "admitted"]
    match admission.rules.decision:
        case Automatic():
            stage = "approved"
        case Denied():
            stage = "denied"
        case _:
            stage = "admitted"
    signed = jws.sign(admission, context.key)
    await context.evidence.append("request", request.compact, context.now())
    await context.evidence.append("admission", signed, context.now())
    with at(Step.RULES):
        return await context.ledger.admit(entry.rh, signed, stage, context.now())


def _admission(verified_request: VerifiedAct[Request], reading: RequestReading, context: Context) -> Admission:
    """Step 8. The verdict is in it, whatever it is; a missing reason is refused, since the asker can mend it."""
    request, person = verified_request.act, verified_request.person
    question = Question(
        requestor=requestor(person),
        database=request.database,
        kind=request.what.kind,
        granted=reading.permissions,
        reached=reading.reached,
        reach_unknown=reading.reach_unknown,
        tags=reading.facts.tags,
        columns=reading.facts.columns,
        sequence_owners=reading.facts.sequence_owners,
        ttl=request.ttl,
        reason=request.reason,
        break_glass=request.break_glass,
        at=datetime.fromtimestamp(context.now(), UTC),
    )
    if reason_missing(context.rules, question):
        raise RefusedError(
            "a reason is required",
            step=Step.RULES,
            code="reason_required",
            hint='Say why: --reason "Generating reports"',
        )
    with at(Step.RULES):
        decision = route(context.rules, question)
    return Admission(
        rh=verified_request.hash,
        subject=person.subject,
        groups=person.groups,
        permissions=reading.permissions,
        reached=reading.reached,
        objects=reading.objects,
        rules=AdmissionRules(sha256=context.rules.sha256, decision=decision),
        warnings=reading.warnings,
        iat=context.now(),
        exp=request.exp,
    )
