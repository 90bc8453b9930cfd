"""New rules held against what was asked for before: what would be decided otherwise, and what becomes automatic.

A request is routed as its agent routed it then, at the same instant, with the catalog as it is now. The agent's own
admission says what was needed and decided; its signature is not looked at, since nothing is granted on this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from p0_access.messages.records import Admission, Request
from p0_access.messages.views import RequestView
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.facts import facts
from p0_access.permissions.permission import Permission
from p0_access.proof import jws
from p0_access.routing.decide import route
from p0_access.routing.decision import Decision, Denied, NeedsApproval, Question, Requirement
from p0_access.routing.rules import RuleSet
from p0_launcher.rules.cases import VERDICTS, verdict_of

Direction = Literal["wider", "narrower", "other"]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an export: a request and its agent's admission, or the catalog of a database."""

    request: str | None = None
    admission: str | None = None
    catalog: Catalog | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`wider`: it would get more, from fewer people, or for longer; `other`: other people would be asked."""

    rid: str
    who: str
    database: str
    direction: Direction
    before: Decision
    after: Decision


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """`automatic` and `not_automatic` count, for each permission, the requests in which it becomes so. `skipped` are
    databases whose catalog is not there, so that comments with tags are not known."""

    requests: int
    changes: tuple[Change, ...]
    automatic: dict[Permission, int]
    not_automatic: dict[Permission, int]
    skipped: tuple[str, ...]


def record(view: RequestView) -> Recorded | None:
    """What replaying needs of a request; nothing of one that its agent never admitted."""
    return None if view.admission is None else Recorded(request=view.request, admission=view.admission)


def replay(rules: RuleSet, recorded: Iterable[Recorded]) -> Replay:
    everything = tuple(recorded)
    catalogs = {each.catalog.database: each.catalog for each in everything if each.catalog is not None}
    changes: list[Change] = []
    automatic: Counter[Permission] = Counter()
    not_automatic: Counter[Permission] = Counter()
    skipped: set[str] = set()
    requests = 0
    for each in everything:
        if each.request is None or each.admission is None:
            continue
        request = jws.unverified_record(each.request, Request)
        admission = jws.unverified_record(each.admission, Admission)
        if request.database not in catalogs:
            skipped.add(request.database)
            continue
        requests += 1
        before, after = (
            admission.rules.decision,
            route(rules, question_of(request, admission, catalogs[request.database])),
        )
        was, becomes = _automatic(before), _automatic(after)
        automatic.update(becomes - was)
        not_automatic.update(was - becomes)
        direction = _direction(before, after)
        if direction is not None:
            changes.append(
                Change(
                    rid=request.rid,
                    who=admission.subject.email or admission.subject.sub,
                    database=request.database,
                    direction=direction,
                    before=before,
                    after=after,
                )
            )
    return Replay(
        requests=requests,
        changes=tuple(changes),
        automatic=dict(automatic),
        not_automatic=dict(not_automatic),
        skipped=tuple(sorted(skipped)),
    )


def question_of(request: Request, admission: Admission, catalog: Catalog) -> Question:
    """What the agent asked its rules then, with tags and columns of the catalog as it is now."""
    subject = admission.subject
    known = facts(catalog, (*admission.permissions, *admission.reached))
    return Question(
        requestor=subject.requestor(admission.groups),
        database=request.database,
        kind=request.what.kind,
        granted=admission.permissions,
        reached=admission.reached,
        tags=known.tags,
        columns=known.columns,
        sequence_owners=known.sequence_owners,
        definers=known.definers,
        reach_unknown=any(warning.code == "reach_unknown" for warning in admission.warnings),
        ttl=request.ttl,
        reason=request.reason,
        break_glass=request.break_glass,
        at=datetime.fromtimestamp(admission.iat, UTC),
    )


def _automatic(decision: Decision) -> set[Permission]:
    """What is granted without a person: every trace entry of it, whole relations column by column, is automatic."""
    outcomes: dict[Permission, set[str]] = {}
    for item in decision.trace:
        if not item.reached:
            outcomes.setdefault(item.permission, set()).add(item.outcome)
    return {permission for permission, found in outcomes.items() if found == {"auto"}}


def _direction(before: Decision, after: Decision) -> Direction | None:
    order = VERDICTS.index(verdict_of(after)) - VERDICTS.index(verdict_of(before))
    if order:
        return "wider" if order < 0 else "narrower"
    if isinstance(before, Denied) or isinstance(after, Denied):
        return None
    if isinstance(before, NeedsApproval) and isinstance(after, NeedsApproval):
        less, more = _asks_no_more(after, before), _asks_no_more(before, after)
        longer = after.ttl > before.ttl
        if less != more:
            return "wider" if less or longer else "narrower"
        if not less:
            return "wider" if longer else "other"
    if set(before.step_up) != set(after.step_up):
        return "wider" if set(after.step_up) < set(before.step_up) else "narrower"
    if before.ttl != after.ttl:
        return "wider" if after.ttl > before.ttl else "narrower"
    return None


def _asks_no_more(one: NeedsApproval, other: NeedsApproval) -> bool:
    """Whether who meets all that `other` demands has met `one`, too."""
    return all(any(_within(each, big) for big in other.requirements) for each in one.requirements)


def _within(one: Requirement, other: Requirement) -> bool:
    """Of the same people, no more of them, for nothing else, by whatever name of the rule."""
    return (
        [way.approvers for way in one.ways] == [way.approvers for way in other.ways]
        and all(way.count <= big.count for way, big in zip(one.ways, other.ways, strict=True))
        and set(one.permissions) <= set(other.permissions)
        and one.escalate == other.escalate
        and one.step_up in {None, other.step_up}
    )
