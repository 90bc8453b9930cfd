"""Step 9: people's signed words on an admission, verified on arrival and counted against the agent's own verdict."""

from __future__ import annotations

import msgspec

from p0_access.encoding import decode, encode
from p0_access.messages.job import Job, Progress
from p0_access.messages.records import Admission, Approval
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_access.routing.approvals import Tally, VerifiedApproval, may_review, tally
from p0_access.routing.decision import Automatic, NeedsApproval, Requestor
from p0_agent.core.acts import admission_of, known, requestor, verified
from p0_agent.core.answer import Answer
from p0_agent.core.context import Context
from p0_agent.core.window import in_window
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.ledger import Approved, Entry


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision, by rule or by people, comes to. `ttl` in seconds; `not_after` is a window's end, if any."""

    permissions: tuple[Permission, ...]
    ttl: int
    not_after: int | None


async def approve(job: Job, context: Context) -> Answer:
    """One person's approval or denial. What is refused here is refused for them; the request stays as it is."""
    if job.act is None:
        raise _refused("an approval is signed", "act_missing")
    entry = await known(job.request, context, step=Step.APPROVALS)
    found = await verified(job.act, Approval, context)
    admission = admission_of(entry, context)
    if found.act.ah != jws.record_hash(entry.admission or ""):
        raise _refused("this is for another admission", "approval_mismatch", hint="Review the request again.")
    if entry.stage != "admitted":
        return await _came_late(entry, found.hash, context)
    _check(found.act, requestor(found.person), admission, context.now())
    if all(other.h != found.hash for other in await context.cluster.ledger.approvals(entry.rh)):
        await context.cluster.evidence.append("approval", found.compact, context.now())
    with at(Step.APPROVALS):
        approvals = await context.cluster.ledger.add_approval(
            entry.rh,
            Approved(
                h=found.hash,
                decision=found.act.decision,
                record=found.compact,
                verified=encode(requestor(found.person)).decode(),
                at=context.now(),
            ),
        )
    return await _weigh(entry, admission, approvals, context)


async def granted(entry: Entry, admission: Admission, context: Context) -> Allowed:
    """What may be provisioned. Anything short of a verdict that is met is a refusal."""
    match admission.rules.decision:
        case Automatic(ttl=ttl, not_after=not_after):
            return Allowed(permissions=admission.permissions, ttl=ttl, not_after=not_after)
        case NeedsApproval() as decision:
            count = _count(decision, admission, await context.cluster.ledger.approvals(entry.rh))
            if not count.complete or count.struck:
                raise _refused("not everybody has approved all of it", "not_approved")
            return Allowed(permissions=count.permissions, ttl=count.ttl, not_after=decision.not_after)
        case _:
            raise _refused("the rules deny it", "denied")


async def progress(entry: Entry, context: Context) -> tuple[Progress, ...]:
    """How far each requirement is; nothing where nobody is asked."""
    if entry.admission is None:
        return ()
    admission = admission_of(entry, context)
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        return ()
    return _progress(_count(decision, admission, await context.cluster.ledger.approvals(entry.rh)))


def _check(approval: Approval, person: Requestor, admission: Admission, now: int) -> None:
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        raise _refused("nobody is asked about this request", "nobody_asked")
    asker = asked_by(admission)
    if (person.iss, person.sub) == (asker.iss, asker.sub):
        raise _refused("nobody approves their own request", "own_request")
    if not may_review(decision, person, requestor=asker):
        raise _refused("you are not asked about this request", "not_an_approver")
    if not set(approval.permissions) <= set(admission.permissions):
        raise _refused("more permissions are approved than were admitted", "approval_wider")
    if approval.ttl > decision.ttl:
        raise _refused(f"at most {decision.ttl} s can be approved", "approval_longer")
    if approval.decision == "approve":
        in_window(decision.not_after, now, step=Step.APPROVALS)


async def _weigh(entry: Entry, admission: Admission, approvals: tuple[Approved, ...], context: Context) -> Answer:
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        raise _refused("nobody is asked about this request", "nobody_asked")
    count = _count(decision, admission, approvals)
    if count.denied_by is not None:
        return Answer(outcome="denied", progress=_progress(count), code="denied", message=_said(count, approvals))
    if count.struck:
        with at(Step.APPROVALS):
            await context.cluster.ledger.close(entry.rh, "needs_changes", context.now())
        return Answer(
            outcome="needs_changes",
            progress=_progress(count),
            code="needs_changes",
            message="an approver took away what the SQL needs: " + ", ".join(map(str, count.struck)),
            hint="Leave it out of the SQL and ask again.",
        )
    if not count.complete:
        return Answer(outcome="pending", progress=_progress(count))
    with at(Step.APPROVALS):
        await context.cluster.ledger.approve(entry.rh, context.now())
    return Answer(outcome="approved", progress=_progress(count))


async def _came_late(entry: Entry, h: str, context: Context) -> Answer:
    """The same approval delivered again is answered by where the request stands; a new one is too late."""
    from p0_agent.core.standing import stands

    if any(other.h == h for other in await context.cluster.ledger.approvals(entry.rh)):
        return await stands(entry, context)
    raise _refused(f"the request is {entry.stage} already", f"already_{entry.stage}")


def _count(decision: NeedsApproval, admission: Admission, approvals: tuple[Approved, ...]) -> Tally:
    return tally(
        decision,
        requestor=asked_by(admission),
        granted=admission.permissions,
        approvals=[_verified(approval) for approval in approvals],
    )


def _verified(approval: Approved) -> VerifiedApproval:
    """From the ledger, where it was written after it was verified."""
    record = jws.unverified_record(approval.record, Approval)
    return VerifiedApproval(
        by=decode(approval.verified, Requestor),
        decision=record.decision,
        permissions=record.permissions,
        ttl=record.ttl,
    )


def asked_by(admission: Admission) -> Requestor:
    """The requestor, as the rules saw them."""
    subject = admission.subject
    return Requestor(iss=subject.iss, sub=subject.sub, email=subject.email, groups=admission.groups)


def _progress(count: Tally) -> tuple[Progress, ...]:
    return tuple(
        Progress(
            rule=counted.requirement.rule,
            count=counted.way.count,
            by=tuple(person.email or person.sub for person in counted.by),
        )
        for counted in count.counted
    )


def _said(count: Tally, approvals: tuple[Approved, ...]) -> str:
    comment = next(
        (jws.unverified_record(item.record, Approval).comment for item in approvals if item.decision == "deny"), ""
    )
    by = count.denied_by
    name = "an approver" if by is None else by.email or by.sub
    return f"{name} denied it: {comment}" if comment else f"{name} denied it"


def _refused(message: str, code: str, *, hint: str | None = None) -> RefusedError:
    return RefusedError(message, step=Step.APPROVALS, code=code, hint=hint)
