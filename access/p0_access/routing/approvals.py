"""Counting approvals: what all that people have signed comes to. Whether somebody has a say is `say`'s to tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from p0_access.permissions.permission import Kind, Permission, canonical
from p0_access.routing.asked import in_words, named
from p0_access.routing.decision import Alternative, NeedsApproval, Requestor, Requirement
from p0_access.routing.humans import Humans, home
from p0_access.routing.say import VerifiedApproval, Word, named_by, says


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
        others = [in_words(way) for way in self.requirement.ways if way != self.way]
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
    humans = Humans([requestor, *(person for item in cast for person in named_by(item))])
    heard = [
        item
        for item in cast
        if not humans.same(item.by, requestor)  # 1
        and any(says(item, each, way, requestor, humans) for each in decision.requirements for way in each.ways)  # 2
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


def _nearest(
    requirement: Requirement, approving: Sequence[VerifiedApproval], requestor: Requestor, humans: Humans
) -> Counted:
    ways = []
    for way in requirement.ways:
        words = [says(item, requirement, way, requestor, humans) for item in approving]
        by = _count([word for word in words if word is not None], humans)
        ways.append(Counted(requirement=requirement, way=way, by=by))
    return min(ways, key=lambda counted: (counted.left, -len(counted.by)))


def _count(words: Sequence[Word], humans: Humans) -> tuple[Requestor, ...]:
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
