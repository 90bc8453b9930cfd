"""Who has a say: what one person's signed word is towards a requirement, in their own right or in somebody's place.

It doesn't verify signatures, tokens, or that an approval names this admission; `p0_agent.verification` does, before.
What all the words come to is `approvals`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from p0_access.permissions.permission import Kind, Permission, relation
from p0_access.routing.decision import (
    Alternative,
    Approvers,
    Decision,
    Emergency,
    NeedsApproval,
    Requestor,
    Requirement,
    StepUp,
)
from p0_access.routing.humans import Humans, home
from p0_access.routing.people import is_approver, qualified
from p0_access.routing.stepping_up import meets


class Absent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approver who has somebody stand in for them: in all that they may approve, or only as one of `groups`."""

    person: Requestor
    groups: tuple[str, ...] | None = None


class VerifiedApproval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's signed word on one admission. `ttl` is in seconds; it came `after` so many from the admission.

    They stand in for all of `in_place_of`. `within`: it was signed in advance, and is a word only on requirements about
    nothing but these permissions. `step_up` is how the sign-in was made that went with it, if there was one.
    """

    by: Requestor
    decision: Literal["approve", "deny"]
    permissions: tuple[Permission, ...]
    ttl: int
    after: int = 0
    in_place_of: tuple[Absent, ...] = ()
    within: tuple[Permission, ...] | None = None
    step_up: StepUp | None = None


class Word(msgspec.Struct, frozen=True):
    """Somebody's word on one requirement: in their own right, or else in place of one of `absent`."""

    by: Requestor
    absent: tuple[Requestor, ...] = ()


def says(
    item: VerifiedApproval, requirement: Requirement, way: Alternative, requestor: Requestor, humans: Humans
) -> Word | None:
    """What `item` is towards `requirement` by this way of it; None where it is nothing."""
    if item.within is not None and not covers(item.within, requirement.permissions):
        return None
    if item.decision == "approve" and requirement.step_up is not None and not meets(requirement.step_up, item.step_up):
        return None
    escalate = requirement.escalate
    due = escalate is not None and item.after >= escalate.after
    asked = (way.approvers, escalate.to) if escalate is not None and due else (way.approvers,)
    if any(_counts(approvers, item.by, requestor) for approvers in asked):
        return Word(item.by)
    absent = tuple(
        each.person
        for each in item.in_place_of
        if home(each.person) == home(item.by)
        and not humans.same(each.person, requestor)
        and any(_counts(_as(approvers, each), each.person, requestor) for approvers in asked)
    )
    return Word(item.by, absent) if absent else None


def _as(approvers: Approvers, absent: Absent) -> Approvers:
    """What of `approvers` somebody may be who stands in for `absent`."""
    if absent.groups is None:
        return approvers
    groups = tuple(group for group in approvers.groups if group in absent.groups)
    return Approvers(groups=groups, issuer=approvers.issuer)


def covers(allowed: Sequence[Permission], needed: Sequence[Permission]) -> bool:
    """Whether `needed` is all in `allowed`, where a permission on a relation is one on each of its columns."""
    known = set(allowed)
    return all(
        item in known
        or (item.kind is Kind.COLUMN and relation(item.schema or "", item.object or "", item.privilege) in known)
        for item in needed
    )


def named_by(item: VerifiedApproval) -> tuple[Requestor, ...]:
    return (item.by, *(each.person for each in item.in_place_of))


def _counts(approvers: Approvers, person: Requestor, requestor: Requestor) -> bool:
    if not is_approver(approvers, person):
        return False
    named = approvers.issuer == person.iss or qualified(person) in approvers.subjects
    return named or home(person) == home(requestor)


def may_review(
    decision: Decision | None,
    person: Requestor,
    *,
    requestor: Requestor,
    after: int = 0,
    in_place_of: tuple[Absent, ...] = (),
) -> bool:
    """Whether `person` is among those who could approve `after` so many seconds: an approver of some requirement, or
    stands in for one, and not the requestor."""
    if not isinstance(decision, NeedsApproval):
        return False
    word = VerifiedApproval(by=person, decision="deny", permissions=(), ttl=0, after=after, in_place_of=in_place_of)
    humans = Humans([requestor, *named_by(word)])
    return not humans.same(requestor, person) and any(
        says(word, each, way, requestor, humans) for each in decision.requirements for way in each.ways
    )


def demands(decision: NeedsApproval, approval: VerifiedApproval, *, requestor: Requestor) -> tuple[StepUp, ...]:
    """What sign-ins `approval` needs for all the requirements that it could count towards; a denial needs none."""
    if approval.decision == "deny":
        return ()
    word = msgspec.structs.replace(approval, decision="deny")
    humans = Humans([requestor, *named_by(word)])
    return tuple(
        dict.fromkeys(
            each.step_up
            for each in decision.requirements
            if each.step_up is not None and any(says(word, each, way, requestor, humans) for way in each.ways)
        )
    )


def in_whose_place(
    decision: NeedsApproval, approval: VerifiedApproval, *, requestor: Requestor
) -> tuple[Requestor, ...]:
    """Those for whom `approval` counts, towards requirements that its signer is not asked about themselves."""
    humans = Humans([requestor, *named_by(approval)])
    words = (says(approval, each, way, requestor, humans) for each in decision.requirements for way in each.ways)
    return tuple(dict.fromkeys(person for word in words if word is not None for person in word.absent))


def may_revoke(revoke: Approvers | None, person: Requestor, *, requestor: Requestor) -> bool:
    """Whether `person` is among those who may end any access, by the rules' defaults."""
    return revoke is not None and _counts(revoke, person, requestor)


def may_close(emergency: Emergency, person: Requestor, *, requestor: Requestor) -> bool:
    """Whether `person` may review an emergency: one of those who were told, at the requestor's issuer, and nobody whom
    the requestor might be."""
    told = Approvers(groups=emergency.notify, issuer=requestor.iss)
    return is_approver(told, person) and not Humans([requestor, person]).same(requestor, person)
