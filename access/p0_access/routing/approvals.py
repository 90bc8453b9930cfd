"""Counting approvals: pure, over people who are verified already.

It doesn't verify signatures, tokens, or that an approval names this admission; `p0_agent.verification` does, before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from p0_access.permissions.permission import Kind, Permission, canonical, relation
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


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How far a requirement is, by the one of its ways that is nearest: `by` are different people, each by the first
    name they approved under."""

    requirement: Requirement
    way: Alternative
    by: tuple[Requestor, ...]

    @property
    def left(self) -> int:
        """How many more must approve."""
        return max(self.way.count - len(self.by), 0)

    @property
    def met(self) -> bool:
        return self.left == 0

    @property
    def people(self) -> str:
        """Whom it is up to, in words: `dba or sre`; `dba (or else 2 of sre)`, the nearest of its ways first."""
        others = [_who(way) for way in self.requirement.ways if way != self.way]
        return named(self.way.approvers) + (f" (or else {', or else '.join(others)})" if others else "")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What all approvals come to.

    `permissions` are to be granted: empty until `complete`, then what was admitted and every counted approval allows.
    `struck` is what some counted approval took away, from the first moment; whether the request makes sense without it
    is the caller's to decide. `ttl` is the least so far. With `denied_by` it is over: `complete` stays false.
    """

    counted: tuple[Counted, ...]
    complete: bool
    denied_by: Requestor | None
    permissions: tuple[Permission, ...]
    struck: tuple[Permission, ...]
    ttl: int


def tally(
    decision: NeedsApproval,
    *,
    requestor: Requestor,
    granted: Sequence[Permission],
    approvals: Iterable[VerifiedApproval],
) -> Tally:
    """Count `approvals` of `granted`, in the order they came.

    1. Whoever is the requestor, by subject or by verified address, directly or through a third name, has no say.
    2. Who is an approver of no requirement has no say. An approver of another issuer than the requestor's is one only
       where the requirement names the issuer: the same human may have an account with each. An approval without the
       sign-in that a requirement demands is none towards it.
    3. Any denial by somebody with a say is final.
    4. One human counts once towards a requirement, under whatever names. Who stands in for somebody counts as that
       person, so that the two are one; nobody stands in for the requestor. People of different issuers can't be told
       apart for certain, so a requirement counts those of one issuer: the one with the most. Of its ways, one must be
       met by itself. Once its escalation is due, who comes then may be one of those, too.
    5. What is granted is what every approval with a say allows, for the least time; one more approval never adds to it.
    """
    cast = list(approvals)
    humans = Humans([requestor, *(person for item in cast for person in _named_by(item))])
    heard = [
        item
        for item in cast
        if not humans.same(item.by, requestor)  # 1
        and any(_says(item, each, way, requestor, humans) for each in decision.requirements for way in each.ways)  # 2
    ]
    denied_by = next((item.by for item in heard if item.decision == "deny"), None)  # 3
    approving = [item for item in heard if item.decision == "approve"]
    counted = tuple(_nearest(each, approving, requestor, humans) for each in decision.requirements)  # 4
    allowed = _allowed(granted, approving)  # 5
    complete = denied_by is None and all(each.met for each in counted)
    return Tally(
        counted=counted,
        complete=complete,
        denied_by=denied_by,
        permissions=allowed if complete else (),
        struck=tuple(item for item in canonical(granted) if item not in set(allowed)),
        ttl=min([decision.ttl, *(item.ttl for item in approving)]),
    )


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
    humans = Humans([requestor, *_named_by(word)])
    return not humans.same(requestor, person) and any(
        _says(word, each, way, requestor, humans) for each in decision.requirements for way in each.ways
    )


def demands(decision: NeedsApproval, approval: VerifiedApproval, *, requestor: Requestor) -> tuple[StepUp, ...]:
    """What sign-ins `approval` needs for all the requirements that it could count towards; a denial needs none."""
    if approval.decision == "deny":
        return ()
    word = msgspec.structs.replace(approval, decision="deny")
    humans = Humans([requestor, *_named_by(word)])
    return tuple(
        dict.fromkeys(
            each.step_up
            for each in decision.requirements
            if each.step_up is not None and any(_says(word, each, way, requestor, humans) for way in each.ways)
        )
    )


def in_whose_place(
    decision: NeedsApproval, approval: VerifiedApproval, *, requestor: Requestor
) -> tuple[Requestor, ...]:
    """Those for whom `approval` counts, towards requirements that its signer is not asked about themselves."""
    humans = Humans([requestor, *_named_by(approval)])
    words = (_says(approval, each, way, requestor, humans) for each in decision.requirements for way in each.ways)
    return tuple(dict.fromkeys(person for word in words if word is not None for person in word.absent))


def may_revoke(revoke: Approvers | None, person: Requestor, *, requestor: Requestor) -> bool:
    """Whether `person` is among those who may end any access, by the rules' defaults."""
    return revoke is not None and _counts(revoke, person, requestor)


def may_close(emergency: Emergency, person: Requestor, *, requestor: Requestor) -> bool:
    """Whether `person` may review an emergency: one of those who were told, at the requestor's issuer, and nobody whom
    the requestor might be."""
    told = Approvers(groups=emergency.notify, issuer=requestor.iss)
    return is_approver(told, person) and not Humans([requestor, person]).same(requestor, person)


def who(requirement: Requirement) -> str:
    """`1 of privacy`; `2 of dba, sre or dana@corp.example`; `1 of dba, or else 2 of sre`. A listed subject is shown
    without its issuer."""
    return ", or else ".join(_who(way) for way in requirement.ways)


def _who(way: Alternative) -> str:
    return f"{way.count} of {named(way.approvers)}"


def named(approvers: Approvers) -> str:
    """`dba, sre or dana@corp.example`."""
    names = [*approvers.groups, *(subject.partition("#")[2] or subject for subject in approvers.subjects)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


class _Word(msgspec.Struct, frozen=True):
    """Somebody's word on one requirement: in their own right, or else in place of one of `absent`."""

    by: Requestor
    absent: tuple[Requestor, ...] = ()


def _says(
    item: VerifiedApproval, requirement: Requirement, way: Alternative, requestor: Requestor, humans: Humans
) -> _Word | None:
    """What `item` is towards `requirement` by this way of it; None where it is nothing."""
    if item.within is not None and not covers(item.within, requirement.permissions):
        return None
    if item.decision == "approve" and requirement.step_up is not None and not meets(requirement.step_up, item.step_up):
        return None
    escalate = requirement.escalate
    due = escalate is not None and item.after >= escalate.after
    asked = (way.approvers, escalate.to) if escalate is not None and due else (way.approvers,)
    if any(_counts(approvers, item.by, requestor) for approvers in asked):
        return _Word(item.by)
    absent = tuple(
        each.person
        for each in item.in_place_of
        if home(each.person) == home(item.by)
        and not humans.same(each.person, requestor)
        and any(_counts(_as(approvers, each), each.person, requestor) for approvers in asked)
    )
    return _Word(item.by, absent) if absent else None


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


def _named_by(item: VerifiedApproval) -> tuple[Requestor, ...]:
    return (item.by, *(each.person for each in item.in_place_of))


def _counts(approvers: Approvers, person: Requestor, requestor: Requestor) -> bool:
    if not is_approver(approvers, person):
        return False
    named = approvers.issuer == person.iss or qualified(person) in approvers.subjects
    return named or home(person) == home(requestor)


def _nearest(
    requirement: Requirement, approving: Sequence[VerifiedApproval], requestor: Requestor, humans: Humans
) -> Counted:
    ways = []
    for way in requirement.ways:
        words = [_says(item, requirement, way, requestor, humans) for item in approving]
        by = _count([word for word in words if word is not None], humans)
        ways.append(Counted(requirement=requirement, way=way, by=by))
    return min(ways, key=lambda counted: (counted.left, -len(counted.by)))


def _count(words: Sequence[_Word], humans: Humans) -> tuple[Requestor, ...]:
    """Different people of one issuer. Who stands in comes after those who speak for themselves, and counts only where
    neither they nor whom they stand in for has been counted."""
    by_issuer: dict[str, dict[int, Requestor]] = {}
    taken: set[int] = set()
    for word in sorted(words, key=lambda word: bool(word.absent)):  # stable: otherwise in the order they came
        own = humans.of(word.by)
        free = [own] if not word.absent else [humans.of(each) for each in word.absent if humans.of(each) not in taken]
        if own not in taken and free:
            taken.update({own, free[0]})
            by_issuer.setdefault(home(word.by), {})[own] = word.by
    most = max(by_issuer.values(), key=len, default={})
    return tuple(most.values())


def _allowed(granted: Sequence[Permission], approving: Sequence[VerifiedApproval]) -> tuple[Permission, ...]:
    """What every approval keeps. Implied permissions are kept with what they carry, and can't be struck alone."""
    carrying = {item for item in granted if not item.implied} or set(granted)
    kept = carrying.intersection(*(item.permissions for item in approving))
    used = {item.schema for item in carrying}
    left = {item.schema for item in kept}

    def follows(item: Permission) -> bool:
        if item.kind is Kind.SCHEMA and item.object in used:
            return item.object in left
        return bool(kept)

    return canonical(item for item in granted if item in kept or (item not in carrying and follows(item)))
