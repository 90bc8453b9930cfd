"""Steps 6 to 8: a request is claimed, read, and routed by the agent's own rules; the outcome is a signed admission."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from p0_access.messages.job import Answer, Job
from p0_access.messages.records import Admission, AdmissionRules, Request
from p0_access.proof import jws
from p0_access.routing.decide import reason_problem, route
from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval
from p0_access.routing.stepping_up import check_step_up
from p0_access.routing.visibility import Sight
from p0_agent.core import ceiling, supported
from p0_agent.core.access import provide
from p0_agent.core.acts import admission_of, request_of, verified
from p0_agent.core.approvals import weigh
from p0_agent.core.context import Context
from p0_agent.core.extending import check_extension
from p0_agent.core.mandates import use_allowances
from p0_agent.core.needs import Needs, read
from p0_agent.core.standing import stands
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import LedgerError
from p0_agent.verification.acts import VerifiedAct

COLLECTS_ITSELF: Final = 120
"""Seconds for which a fresh automatic request counts as its own collection: whoever signed it is still there."""


async def admit(job: Job, context: Context) -> Answer:
    """A new request; or one that came before, which was verified then and goes on at its stage."""
    rh = jws.record_hash(job.request.record)
    with at(Step.CLAIM):
        entry = await context.cluster.ledger.get(rh)
    if entry is None or entry.stage == "claimed":
        entry = await _claim_and_decide(job, context)
    if entry.stage == "admitted":
        return await _weighed(entry, context)
    if entry.stage in {"approved", "provisioned"}:
        admission = admission_of(entry, context)
        fresh = request_of(entry).iat + COLLECTS_ITSELF > context.now()
        if fresh and isinstance(admission.rules.decision, Automatic):
            return await provide(entry, admission, context)
    return await stands(entry, context)


async def _weighed(entry: Entry, context: Context) -> Answer:
    """What was allowed in advance counts at once."""
    admission = admission_of(entry, context)
    used = await use_allowances(entry, admission, context)
    with at(Step.APPROVALS):
        approvals = await context.cluster.ledger.approvals(entry.rh)
    if not approvals:
        return await stands(entry, context)
    answer = await weigh(entry, admission, approvals, context)
    return msgspec.structs.replace(answer, records=(entry.admission or "",), in_advance=used)


async def _claim_and_decide(job: Job, context: Context) -> Entry:
    with at(Step.SHAPE):
        asked = jws.unverified_record(job.request.record, Request)
    supported.check(asked, schemas=context.cluster.databases.get(asked.database, ()))
    request = await verified(job.request, Request, context)
    if request.act.database not in context.cluster.databases:
        raise RefusedError(
            f"this agent does not serve the database {request.act.database!r}",
            step=Step.CLAIM,
            code="unknown_database",
            hint="p0 ls lists the databases",
        )
    with at(Step.CLAIM):
        entry = await context.cluster.ledger.claim(
            rh=request.hash,
            rid=request.act.rid,
            database=request.act.database,
            request=request.compact,
            now=context.now(),
        )
    return await _decide(request, entry, context) if entry.stage == "claimed" else entry


async def _decide(request: VerifiedAct[Request], entry: Entry, context: Context) -> Entry:
    if request.act.extends is not None:
        await check_extension(request.act, request.person.subject, context)
    hidden = Sight(context.rules, request.person.requestor).of(request.act.database) != "catalog"
    try:
        needs = await read(request.act, request.person.requestor, context)
    except RefusedError as error:
        if hidden:
            raise _not_covered() from error
        raise
    with at(Step.RULES):
        decision = route(context.rules, needs.question)
    if hidden and isinstance(decision, Denied):
        raise _not_covered()  # before anything else that depends on what is there
    problem = reason_problem(context.rules, needs.question)
    if problem is not None:
        raise RefusedError(
            problem,
            step=Step.RULES,
            code="reason_required",
            hint='Say why: --reason "OPS-123, generating reports"',
        )
    if not isinstance(decision, Denied):
        with at(Step.RULES):
            check_step_up(decision.step_up, request.person.stepped_up)
        schemas = frozenset(context.cluster.databases[request.act.database])
        ceiling.check(needs.question.granted, context.ceiling, schemas=schemas, live=0)
    signed = jws.sign(_admission(request, needs, decision, context), context.key)
    await context.cluster.evidence.append("request", request.compact, context.now())
    await context.cluster.evidence.append("admission", signed, context.now())
    try:
        return await context.cluster.ledger.admit(entry.rh, signed, _stage(decision), context.now())
    except LedgerError:
        meanwhile = await context.cluster.ledger.get(entry.rh)
        if meanwhile is None or meanwhile.stage == "claimed":
            raise
        return meanwhile  # another delivery of the same job came first; what it decided stands


def _not_covered() -> RefusedError:
    """For who may not know what is in the database: the same whether what they ask for is there or not."""
    return RefusedError("no rule could grant you this here", step=Step.RULES, code="not_covered")


def _stage(decision: Decision) -> Literal["approved", "denied", "admitted"]:
    match decision:
        case Automatic():
            return "approved"
        case Denied():
            return "denied"
        case NeedsApproval():
            return "admitted"


def _admission(request: VerifiedAct[Request], needs: Needs, decision: Decision, context: Context) -> Admission:
    """The verdict is in it, whatever it is."""
    return Admission(
        rh=request.hash,
        subject=request.person.subject,
        groups=request.person.groups,
        permissions=needs.question.granted,
        reached=needs.question.reached,
        objects=needs.objects,
        rules=AdmissionRules(sha256=context.rules.sha256, decision=decision),
        warnings=needs.warnings,
        iat=context.now(),
        exp=min(request.act.exp, context.now() + context.rules.defaults.pending_for),
    )
