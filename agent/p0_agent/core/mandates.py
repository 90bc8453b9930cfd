"""What people sign in advance: taken in like an approval, while its tokens are fresh; used when a request comes.

An allowance counts towards a request only as its signer's own approval would, for requirements that are all within its
permissions, and only where it brings the request forward. What people are asked about because the request reaches it
must be among its permissions, too: who signed knew the names, not what would be behind them. Each request that it
counts for spends one use, whatever becomes of the request. Withdrawn, it counts for no further request.
"""

from __future__ import annotations

from typing import Final

from p0_access.encoding import decode, encode, tagged_hash
from p0_access.messages.job import Answer, Job
from p0_access.messages.mandates import Allow, Delegation, Named
from p0_access.messages.records import Admission, End
from p0_access.proof import jws
from p0_access.routing.decision import NeedsApproval, Requestor
from p0_access.routing.people import is_approver
from p0_access.routing.rule import People
from p0_access.routing.say import Absent, covers
from p0_access.routing.stepping_up import check_step_up, of_mandate
from p0_access.routing.visibility import Sight
from p0_agent.core.acts import check_signed_in, request_of, verified
from p0_agent.core.context import Context
from p0_agent.core.counting import Approver, approver, count_of
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.ledger import Approved
from p0_agent.postgres.mandates import Standing
from p0_agent.verification.acts import VerifiedAct

_TYPES: Final[dict[str, type[Allow | Delegation]]] = {Allow.TYP: Allow, Delegation.TYP: Delegation}


async def mandate(job: Job, context: Context) -> Answer:
    """Takes in an allowance or a delegation; or tells how one stands that came before."""
    with at(Step.CLAIM):
        known = await context.cluster.mandates.get(jws.record_hash(job.request.record))
    return _stands(known or await _taken_in(job, context), context)


async def withdraw(job: Job, context: Context) -> Answer:
    """By who signed it. Without a signed act it is the server's own, which is obeyed, since it only takes away."""
    h = jws.record_hash(job.request.record)
    with at(Step.APPROVALS):
        known = await context.cluster.mandates.get(h)
    if known is None:
        raise RefusedError("this agent does not know it", step=Step.APPROVALS, code="ledger_unknown")
    news = known.withdrawn_at is None
    if job.act is None:
        if news:
            await context.cluster.evidence.append("server-end", h, context.now())
    else:
        found = await verified(job.act, End, context)
        person, signer = found.person.subject, decode(known.verified, Approver)
        if found.act.rh != h:
            raise RefusedError("this ends something else", step=Step.APPROVALS, code="end_mismatch")
        if (person.iss, person.sub) != (signer.iss, signer.sub):
            raise RefusedError("only who signed it can withdraw it", step=Step.APPROVALS, code="not_allowed")
        if news:
            await context.cluster.evidence.append("end", found.compact, context.now())
    with at(Step.APPROVALS):
        await context.cluster.mandates.withdraw(h, context.now())
    return Answer(outcome="ended")


async def use_allowances(entry: Entry, admission: Admission, context: Context) -> tuple[str, ...]:
    """Counts what was allowed in advance towards a request that waits for people: the ids of what was added."""
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval) or admission.exp <= context.now():
        return ()
    added: list[str] = []
    with at(Step.APPROVALS):
        for standing in await context.cluster.mandates.allowances(entry.database, context.now()):
            approval = _as_approval(standing, entry, context.now())
            allow = jws.unverified_record(standing.record, Allow)  # verified when it was taken in
            if not _is_for(allow, entry, admission, decision):
                continue
            if not await _helps(decision, approval, entry, admission, context):
                continue
            if await context.cluster.mandates.use(standing.h, entry.rh, approval):
                used = encode({"rh": entry.rh, "allow": standing.h}).decode()
                await context.cluster.evidence.append("allow-use", used, context.now())
                added.append(standing.rid)
    return tuple(added)


async def stood_in_for(person: Requestor, context: Context) -> tuple[Absent, ...]:
    """For whom `person` may approve now, besides themselves."""
    with at(Step.APPROVALS):
        standing = await context.cluster.mandates.delegations(context.now())
    found: list[Absent] = []
    for each in standing:
        record = jws.unverified_record(each.record, Delegation)  # verified when it was taken in
        if record.to.means(iss=person.iss, sub=person.sub, email=person.email):
            found.append(Absent(person=decode(each.verified, Requestor), groups=record.groups))
    return tuple(found)


async def _taken_in(job: Job, context: Context) -> Standing:
    with at(Step.SHAPE):
        type_ = _TYPES.get(jws.unverified_type(job.request.record))
    if type_ is None:
        raise RefusedError("this is nothing that stands", step=Step.SHAPE, code="record_type")
    found = await verified(job.request, type_, context)
    _check(found, context)
    act = found.act
    await context.cluster.evidence.append("mandate", found.compact, context.now())
    with at(Step.CLAIM):
        return await context.cluster.mandates.add(
            Standing(
                h=found.hash,
                rid=act.rid,
                kind="allow" if isinstance(act, Allow) else "delegation",
                database=act.database if isinstance(act, Allow) else None,
                record=found.compact,
                verified=encode(approver(found.person) if isinstance(act, Allow) else found.person.requestor).decode(),
                uses=act.uses if isinstance(act, Allow) else None,
                begins=act.nbf,
                ends=act.exp,
                at=context.now(),
            )
        )


def _check(found: VerifiedAct[Allow | Delegation], context: Context) -> None:
    """Said now rather than never: what could not count anyway. Whether it counts is found out when it is used."""
    act = found.act
    person = found.person.requestor
    if act.nbf >= act.exp:
        raise RefusedError("it would end before it begins", step=Step.SHAPE, code="mandate_window")
    if _named(act).means(iss=person.iss, sub=person.sub, email=person.email):
        raise RefusedError("nobody does this for themselves", step=Step.APPROVALS, code="own_request")
    check_signed_in(found.person)
    with at(Step.APPROVALS):
        needed = of_mandate(context.rules.defaults, act.permissions if isinstance(act, Allow) else None)
        check_step_up(needed, found.person.stepped_up)
    if not _approves_something(person, context):
        raise RefusedError("no rule asks you to approve anything", step=Step.APPROVALS, code="not_an_approver")
    if isinstance(act, Allow):
        unseen = Sight(context.rules, person).of(act.database) == "nothing"
        if unseen or act.database not in context.cluster.databases:
            raise RefusedError(
                f"this agent does not serve the database {act.database!r}", step=Step.CLAIM, code="unknown_database"
            )
        if not act.permissions:
            raise RefusedError("it allows nothing", step=Step.SHAPE, code="mandate_empty")


def _named(act: Allow | Delegation) -> Named:
    return act.subject if isinstance(act, Allow) else act.to


def _approves_something(person: Requestor, context: Context) -> bool:
    return any(
        is_approver(approvers, person)
        for rule in context.rules.rules
        if isinstance(rule.approval, People)
        for approvers in rule.approval.everybody
    )


def _is_for(allow: Allow, entry: Entry, admission: Admission, decision: NeedsApproval) -> bool:
    subject = admission.subject
    asked_about = [each.permission for each in decision.trace if each.reached and each.outcome == "approvers"]
    return (
        allow.subject.means(iss=subject.iss, sub=subject.sub, email=subject.email)
        and request_of(entry).what.kind in allow.kinds
        and covers(allow.permissions, asked_about)
    )


async def _helps(
    decision: NeedsApproval, approval: Approved, entry: Entry, admission: Admission, context: Context
) -> bool:
    """Whether somebody less must approve with it than without, and nobody has denied."""
    present = await context.cluster.ledger.approvals(entry.rh)
    if any(other.h == approval.h for other in present):
        return False

    def left(approvals: tuple[Approved, ...]) -> int:
        return sum(counted.left for counted in count_of(decision, admission, approvals).counted)

    return left((*present, approval)) < left(present)


def _as_approval(standing: Standing, entry: Entry, now: int) -> Approved:
    return Approved(
        h=tagged_hash(b"p0-allow-use-v1", f"{standing.h}.{entry.rh}".encode()),
        decision="approve",
        record=standing.record,
        verified=standing.verified,
        at=now,
    )


def _stands(standing: Standing, context: Context) -> Answer:
    over = standing.withdrawn_at is not None or standing.ends <= context.now()
    return Answer(outcome="ended" if over else "active", not_after=standing.ends)
