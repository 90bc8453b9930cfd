"""A decision in words, for a person at a terminal. Lines have no colour and no markup.

Names come from the catalog and from people, as they are: whoever shows them makes control characters visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from p0_access.permissions.permission import Kind, Permission
from p0_access.routing.asked import named, who
from p0_access.routing.decision import (
    Automatic,
    Considered,
    Decision,
    Denied,
    NeedsApproval,
    Requirement,
    Traced,
)
from p0_access.routing.durations import spell_duration
from p0_access.routing.matching import spell
from p0_access.routing.naming import gathered, relation_of
from p0_access.routing.stepping_up import strength


def explain(decision: Decision) -> tuple[str, ...]:
    """The verdict in a few lines.

    `automatic for 1h (as asked), by rule markets-read`, or what it needs from whom and why, or why it is denied.
    """
    if isinstance(decision, Denied):
        return tuple(f"denied: {reason}" for reason in decision.reasons)
    if isinstance(decision, Automatic):
        rules = dict.fromkeys(item.rule for item in decision.trace if item.rule is not None)
        noun = "rule" if len(rules) == 1 else "rules"
        lines = [f"automatic for {_limit(decision)}, by {noun} {spell(rules, 'and')}"]
    else:
        together = groupby(decision.requirements, key=lambda each: (each.rule, each.permissions, each.instead))
        lines = [f"needs approval: {_asked(tuple(each), decision.trace)}" for _, each in together]
        lines.append(f"for {_limit(decision)}")
    signing_in = [f"who asks signs in for it{strength(each)}" for each in decision.step_up]
    return (*lines, *signing_in, *_emergency(decision))


def asked(requirement: Requirement, trace: Sequence[Traced]) -> str:
    """`1 of privacy (rule customers-pii) because enterprise.customers.email is pii`."""
    return _asked((requirement,), trace)


def _asked(requirements: Sequence[Requirement], trace: Sequence[Traced]) -> str:
    """Of one rule, about the same: all of them must be met."""
    first = requirements[0]
    reasons = _reasons([item for item in trace if item.rule == first.rule])
    because = f" because {spell(reasons, 'and')}" if reasons else ""
    step_up = first.step_up
    signing_in = "" if step_up is None else f", signing in for it{strength(step_up)}"
    everybody = " and ".join(who(each) for each in requirements)
    return f"{everybody} (rule {first.rule}){because}{signing_in}{_later(first)}"


def _reasons(items: Iterable[Traced]) -> tuple[str, ...]:
    """Why the deciding rule matched; columns of one relation that have one reason share it."""
    shared: dict[_Reason, list[Permission]] = {}
    for item in items:
        for entry in item.considered:
            if entry.matched:
                shared.setdefault(_reason(item, entry), []).append(item.permission)
    return tuple(dict.fromkeys(each.told(permissions) for each, permissions in shared.items()))


class _Reason(NamedTuple):
    """For a permission by itself (no words), for what a column is, or in words that stand as they are."""

    about: str
    words: str | None
    reached: bool

    def told(self, permissions: Sequence[Permission]) -> str:
        reached = " (reached)" if self.reached else ""
        if self.words is None:
            return spell(gathered(permissions), "and") + reached
        columns = list(dict.fromkeys(one.column or "" for one in permissions))
        if not self.about:
            return self.words + reached
        if len(columns) == 1:
            return f"{self.about}.{columns[0]} is {self.words}{reached}"
        return f"{spell(columns, 'and')} of {self.about} are {self.words}{reached}"


def _reason(item: Traced, entry: Considered) -> _Reason:
    permission = item.permission
    relation = relation_of(permission)
    if permission.kind is Kind.COLUMN and entry.because == str(permission):
        return _Reason(about=f"{permission.privilege} {relation}", words=None, reached=item.reached)
    start = f"{relation}.{permission.column} is "
    if permission.kind is Kind.COLUMN and entry.because.startswith(start):
        return _Reason(about=relation, words=entry.because.removeprefix(start), reached=item.reached)
    return _Reason(about="", words=entry.because, reached=item.reached)


def explain_trace(trace: Sequence[Traced]) -> tuple[str, ...]:
    """Every permission with its outcome, and below it each rule that was held against it, with the reason. Columns of
    one relation that fared alike stand together."""
    alike: dict[object, list[Traced]] = {}
    for item in trace:
        alike.setdefault(_likeness(item), []).append(item)
    return tuple(line for items in alike.values() for line in _explain_alike(items))


def _likeness(item: Traced) -> object:
    """The same for columns of one relation about which the same is said."""
    permission = item.permission
    if permission.kind is not Kind.COLUMN:
        return item
    said = tuple((each.rule, _reason(item, each) if each.matched else each.because) for each in item.considered)
    bare = msgspec.structs.replace(item, permission=msgspec.structs.replace(permission, column=None), considered=())
    return bare, said


def _explain_alike(items: Sequence[Traced]) -> Iterator[str]:
    item = items[0]
    words = {"auto": "automatic", "approvers": "needs approval", "deny": "denied", "implied": "implied"}
    rule = "" if item.rule is None else f" (rule {item.rule})"
    because = f": {item.because}" if item.because else ""
    reached = ", which this reaches" if item.reached else ""
    columns = ", ".join(each.permission.column or "" for each in items)
    named = f"{item.permission.privilege} ({columns}) on {relation_of(item.permission)}" if columns else item.permission
    yield f"{named}{reached}: {words[item.outcome]}{rule}{because}"
    for each in item.considered:
        if each.matched:
            reason = _reason(item, each)._replace(reached=False)  # which the first line says
            yield f"  {each.rule}: matches: {reason.told([one.permission for one in items])}"
        else:
            yield f"  {each.rule}: no: {each.because}"
    if item.omitted:
        yield f"  and {item.omitted} more rules that do not match"


def _later(requirement: Requirement) -> str:
    if requirement.escalate is None:
        return ""
    return f"; after {spell_duration(requirement.escalate.after)} also {named(requirement.escalate.to)}"


def _emergency(decision: Automatic | NeedsApproval) -> tuple[str, ...]:
    emergency = decision.emergency
    if emergency is None:
        return ()
    told = spell(emergency.notify, "and")
    within = spell_duration(emergency.review_within)
    return (f"breaks the glass: {told} are told at once, and review it within {within}",)


def _limit(decision: Automatic | NeedsApproval) -> str:
    return f"{spell_duration(decision.ttl)} ({decision.ttl_because})"
