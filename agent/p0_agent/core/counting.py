"""How far people's approvals have come: counted from the ledger, where they were written after they were verified."""

from __future__ import annotations

from typing import Literal

import msgspec

from p0_access.encoding import decode
from p0_access.messages.job import Progress
from p0_access.messages.mandates import Allow
from p0_access.messages.records import Admission, Approval
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_access.proof.identity import VerifiedIdentity
from p0_access.routing.approvals import Counted, Tally, tally
from p0_access.routing.asked import named
from p0_access.routing.decision import Automatic, NeedsApproval, Requestor, StepUp
from p0_access.routing.say import Absent, VerifiedApproval
from p0_agent.core.acts import admission_of, request_of
from p0_agent.core.context import Context
from p0_agent.errors import RefusedError, Step
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.ledger import Approved


class Approver(Requestor, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who approved, as verified on arrival, for whom they stood in, and how they signed in for it, if they did."""

    in_place_of: tuple[Absent, ...] = ()
    step_up: StepUp | None = None

    def word(
        self, decision: Literal["approve", "deny"], *, permissions: tuple[Permission, ...], ttl: int, after: int
    ) -> VerifiedApproval:
        """Their approval or denial of one admission."""
        return VerifiedApproval(
            by=self,
            decision=decision,
            permissions=permissions,
            ttl=ttl,
            after=after,
            in_place_of=self.in_place_of,
            step_up=self.step_up,
        )


def approver(person: VerifiedIdentity, in_place_of: tuple[Absent, ...] = ()) -> Approver:
    return Approver(**msgspec.structs.asdict(person.requestor), in_place_of=in_place_of, step_up=person.stepped_up)


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision, by rule or by people, comes to. `ttl` in seconds; `not_after` is a window's end, if any."""

    permissions: tuple[Permission, ...]
    ttl: int
    not_after: int | None


async def granted(entry: Entry, admission: Admission, context: Context) -> Allowed:
    """What may be provisioned. Anything short of a verdict that is met is a refusal."""
    match admission.rules.decision:
        case Automatic(ttl=ttl, not_after=not_after):
            return Allowed(permissions=admission.permissions, ttl=ttl, not_after=not_after)
        case NeedsApproval() as decision:
            count = count_of(decision, admission, await context.cluster.ledger.approvals(entry.rh))
            if not count.complete or is_needed(count.struck, admission, entry):
                raise _short_of("not everybody has approved all of it", "not_approved")
            return Allowed(permissions=count.permissions, ttl=count.ttl, not_after=decision.not_after)
        case _:
            raise _short_of("the rules deny it", "denied")


async def progress(entry: Entry, context: Context) -> tuple[Progress, ...]:
    """How far each requirement is; nothing where nobody is asked."""
    if entry.admission is None:
        return ()
    admission = admission_of(entry, context)
    decision = admission.rules.decision
    if not isinstance(decision, NeedsApproval):
        return ()
    return progress_of(count_of(decision, admission, await context.cluster.ledger.approvals(entry.rh)), admission)


def count_of(decision: NeedsApproval, admission: Admission, approvals: tuple[Approved, ...]) -> Tally:
    return tally(
        decision,
        requestor=asked_by(admission),
        granted=admission.permissions,
        approvals=[_verified_approval(approval, admission) for approval in approvals],
    )


def is_needed(struck: tuple[Permission, ...], admission: Admission, entry: Entry) -> bool:
    """Whether the request makes no sense without what approvers took away: SQL needs all that it needs, while who asks
    for permissions by name may do with some of them."""
    return bool(struck) and (request_of(entry).what.kind != "grant" or set(struck) == set(admission.permissions))


def asked_by(admission: Admission) -> Requestor:
    """The requestor, as the rules saw them."""
    return admission.subject.requestor(admission.groups)


def progress_of(count: Tally, admission: Admission) -> tuple[Progress, ...]:
    return tuple(_progress(each, admission) for each in count.counted)


def _progress(counted: Counted, admission: Admission) -> Progress:
    escalate = counted.requirement.escalate
    return Progress(
        rule=counted.requirement.rule,
        count=counted.way.count,
        by=tuple(person.email or person.sub for person in counted.by),
        who=counted.people,
        also="" if escalate is None else named(escalate.to),
        also_at=None if escalate is None else admission.iat + escalate.after,
    )


def _verified_approval(approval: Approved, admission: Admission) -> VerifiedApproval:
    """From the ledger, where it was written after it was verified: given on this admission, or in advance."""
    by = decode(approval.verified, Approver)
    after = max(approval.at - admission.iat, 0)
    if jws.unverified_type(approval.record) == Allow.TYP:
        allow = jws.unverified_record(approval.record, Allow)
        return VerifiedApproval(
            by=by,
            decision="approve",
            permissions=admission.permissions,
            ttl=allow.ttl,
            after=after,
            within=allow.permissions,
            step_up=by.step_up,
        )
    record = jws.unverified_record(approval.record, Approval)
    return by.word(record.decision, permissions=record.permissions, ttl=record.ttl, after=after)


def _short_of(message: str, code: str) -> RefusedError:
    return RefusedError(message, step=Step.APPROVALS, code=code)
