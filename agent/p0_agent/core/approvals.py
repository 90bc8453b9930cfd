"""Step 9: people's signed words on an admission, verified on arrival and counted against the agent's own verdict."""

from __future__ import annotations

import msgspec

from p0_access.encoding import decode, encode
from p0_access.messages.job import Answer, Job
from p0_access.messages.records import Admission, Approval
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_access.routing.approvals import Tally
from p0_access.routing.decision import NeedsApproval
from p0_access.routing.say import demands, in_whose_place, may_review
from p0_access.routing.stepping_up import check_step_up
from p0_agent.core.acts import admission_of, check_signed_in, known, verified
from p0_agent.core.context import Context
from p0_agent.core.counting import Approver, approver, asked_by, count_of, is_needed, progress_of
from p0_agent.core.lapse import still_waits
from p0_agent.core.mandates import stood_in_for
from p0_agent.core.standing import stands
from p0_agent.core.window import in_window
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import LedgerError
from p0_agent.postgres.ledger import Approved
from p0_agent.verification.acts import VerifiedAct


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
        return await _came_late(entry, admission, found, context)
    check_signed_in(found.person)
    person = approver(found.person, await stood_in_for(found.person.requestor, context))
    _check(found.act, person, admission, context.now())
    if all(other.h != found.hash for other in await context.cluster.ledger.approvals(entry.rh)):
        await context.cluster.evidence.append("approval", found.compact, context.now())
    with at(Step.APPROVALS):
        approvals = await context.cluster.ledger.add_approval(
            entry.rh,
            Approved(
                h=found.hash,
                decision=found.act.decision,
                record=found.compact,
                verified=encode(person).decode(),
                at=context.now(),
            ),
        )
    answer = await weigh(entry, admission, approvals, context)
    return msgspec.structs.replace(answer, in_place_of=_in_place_of(found.act, person, admission, context.now()))


def _check(approval: Approval, person: Approver, admission: Admission, now: int) -> None:
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        raise _refused("nobody is asked about this request", "nobody_asked")
    asker = asked_by(admission)
    if (person.iss, person.sub) == (asker.iss, asker.sub):
        raise _refused("nobody approves their own request", "own_request")
    after = max(now - admission.iat, 0)
    if not may_review(decision, person, requestor=asker, after=after, in_place_of=person.in_place_of):
        raise _refused("you are not asked about this request", "not_an_approver")
    if not set(approval.permissions) <= set(admission.permissions):
        raise _refused("more permissions are approved than were admitted", "approval_wider")
    if approval.ttl > decision.ttl:
        raise _refused(f"at most {decision.ttl} s can be approved", "approval_longer")
    still_waits(admission, now)
    if approval.decision == "approve":
        in_window(decision.not_after, now, step=Step.APPROVALS)
        word = person.word(approval.decision, permissions=approval.permissions, ttl=approval.ttl, after=after)
        with at(Step.APPROVALS):
            check_step_up(demands(decision, word, requestor=asker), person.step_up)


def _in_place_of(approval: Approval, person: Approver, admission: Admission, at: int) -> tuple[str, ...]:
    """Those for whom an approval counts that came `at` that time, by name."""
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        return ()
    after = max(at - admission.iat, 0)
    word = person.word(approval.decision, permissions=approval.permissions, ttl=approval.ttl, after=after)
    absent = in_whose_place(decision, word, requestor=asked_by(admission))
    return tuple(each.email or each.sub for each in absent)


async def weigh(entry: Entry, admission: Admission, approvals: tuple[Approved, ...], context: Context) -> Answer:
    """What all that was signed comes to now, and the step of the ledger that follows from it."""
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        raise _refused("nobody is asked about this request", "nobody_asked")
    count = count_of(decision, admission, approvals)
    so_far = progress_of(count, admission)
    if count.denied_by is not None:
        return Answer(outcome="denied", progress=so_far, code="denied", message=_said(count, approvals))
    struck = tuple(map(str, count.struck))
    if is_needed(count.struck, admission, entry):
        with at(Step.APPROVALS):
            await context.cluster.ledger.close(entry.rh, "needs_changes", context.now())
        return Answer(
            outcome="needs_changes",
            progress=so_far,
            code="needs_changes",
            message="an approver took away what it needs: " + ", ".join(struck),
            hint=f"Leave {', '.join(_places(count.struck))} out of the SQL and ask again.",
            struck=struck,
        )
    if not count.complete:
        return Answer(outcome="pending", progress=so_far, struck=struck)
    try:
        await context.cluster.ledger.approve(entry.rh, context.now())
    except LedgerError:
        return await _as_it_stands(entry, context)
    return Answer(outcome="approved", progress=so_far, struck=struck)


async def _as_it_stands(entry: Entry, context: Context) -> Answer:
    """Somebody else was faster: two approved at once, or it was taken back meanwhile. What was written first stands."""
    with at(Step.APPROVALS):
        meanwhile = await context.cluster.ledger.get(entry.rh)
    return await stands(meanwhile or entry, context)


def _places(struck: tuple[Permission, ...]) -> tuple[str, ...]:
    """What of the SQL needs them: columns, or else relations and functions, by name."""
    named = (
        ".".join(part for part in (item.schema, item.object, item.column) if part is not None)
        for item in struck
        if not item.implied
    )
    return tuple(dict.fromkeys(named))


async def _came_late(entry: Entry, admission: Admission, found: VerifiedAct[Approval], context: Context) -> Answer:
    """The same approval delivered again is answered by where the request stands; a new one is too late."""
    for kept in await context.cluster.ledger.approvals(entry.rh):
        if kept.h == found.hash:
            absent = _in_place_of(found.act, decode(kept.verified, Approver), admission, kept.at)
            return msgspec.structs.replace(await stands(entry, context), in_place_of=absent)
    raise _refused(f"the request is {entry.stage} already", f"already_{entry.stage}")


def _said(count: Tally, approvals: tuple[Approved, ...]) -> str:
    comment = next(
        (jws.unverified_record(item.record, Approval).comment for item in approvals if item.decision == "deny"), ""
    )
    by = count.denied_by
    name = "an approver" if by is None else by.email or by.sub
    return f"{name} denied it: {comment}" if comment else f"{name} denied it"


def _refused(message: str, code: str, *, hint: str | None = None) -> RefusedError:
    return RefusedError(message, step=Step.APPROVALS, code=code, hint=hint)
