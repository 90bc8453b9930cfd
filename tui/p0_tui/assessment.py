"""What the permissions panel and the review say, worked out from a reading and a decision. Pure; draws nothing.

It decides nothing either: each permission's outcome is looked up in the decision's own trace, and what the trace does
not name is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from p0_access.permissions.permission import Kind, Permission, canonical
from p0_access.permissions.settle import Tags
from p0_access.routing.asked import who
from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval, Traced
from p0_tui.verdict import Verdict, verdict_of

MAX_LEFT_OUT: Final = 3
"""More columns than these are no small change."""

_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE"})
_OUTCOMES = {"auto": Verdict.AUTO, "approvers": Verdict.APPROVAL, "deny": Verdict.DENIED}
_STRICTNESS = {"implied": 0, "auto": 1, "approvers": 2, "deny": 3}
_ON_RELATIONS = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Columns (or the whole object) of one group that share an outcome, its tags and who decides it."""

    verdict: Verdict
    names: tuple[str, ...]
    tags: tuple[str, ...]
    by: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One privilege on one object, such as SELECT on sales.orders."""

    privilege: str
    target: str
    parts: tuple[Part, ...]


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """`grounds` say why; `easier` are the columns without which nobody would need to approve, if there are such."""

    verdict: Verdict
    headline: str
    grounds: tuple[str, ...]
    groups: tuple[Group, ...]
    implied: tuple[str, ...]
    ttl: int | None
    easier: tuple[Permission, ...]


def assess(
    permissions: Iterable[Permission], decision: Decision | None, tags: Tags, *, before: Decision | None = None
) -> Assessment:
    """`permissions` are those needed; `tags` those found in the catalog's comments.

    While there is no decision yet, what an earlier one (`before`) said of a permission is shown with it, so that the
    screen does not flicker; the verdict stays unknown.
    """
    needed = canonical(permissions)
    known = before if decision is None else decision
    trace = {} if known is None else _outcomes(known)
    chargeable = [item for item in needed if not item.implied] or list(needed)
    return Assessment(
        verdict=verdict_of(decision),
        headline=_headline(decision),
        grounds=_grounds(decision),
        groups=_groups(chargeable, known, trace, tags),
        implied=tuple(str(item) for item in needed if item not in chargeable),
        ttl=None if decision is None or isinstance(decision, Denied) else decision.ttl,
        easier=_easier(chargeable, trace),
    )


def writes(permissions: Iterable[Permission]) -> tuple[str, ...]:
    """The privileges among them that change data."""
    return tuple(sorted({item.privilege for item in permissions if item.privilege in _WRITES}))


def risks(permissions: Sequence[Permission], reached: Sequence[Permission], tags: Tags) -> tuple[str, ...]:
    """What an approver should see first, each with its ground."""
    found: list[str] = []
    kinds = writes(permissions)
    if kinds:
        found.append(f"writes ({', '.join(kinds)})")
    tagged: dict[str, list[str]] = {}
    for item in permissions:
        for tag in _tags(item, tags):
            tagged.setdefault(tag, []).append(f"{item.object}.{item.column or '*'}")
    found.extend(f"{tag}: {', '.join(sorted(set(names)))}" for tag, names in sorted(tagged.items()))
    whole = sorted(f"{item.schema}.{item.object}" for item in permissions if item.kind is Kind.RELATION)
    if whole:
        found.append(f"whole tables: {', '.join(dict.fromkeys(whole))}")
    functions = sorted(f"{item.schema}.{item.object}" for item in permissions if item.kind is Kind.FUNCTION)
    if functions:
        found.append(f"functions: {', '.join(functions)}")
    through = sorted({f"{item.schema}.{item.object}" for item in reached if item.kind in _ON_RELATIONS})
    if through:
        found.append(f"also reached through owners' code: {', '.join(through)}")
    return tuple(found)


def _headline(decision: Decision | None) -> str:
    match decision:
        case Automatic():
            return "nobody needs to approve"
        case NeedsApproval(requirements=requirements):
            return " and ".join(dict.fromkeys(who(item) for item in requirements))
        case Denied():
            return "by the rules"
        case None:
            return "no verdict yet"


def _grounds(decision: Decision | None) -> tuple[str, ...]:
    """Whose rule demands a person and what made it match, or why it is denied."""
    match decision:
        case Denied(reasons=reasons):
            return reasons
        case NeedsApproval(requirements=requirements, trace=trace):
            return tuple(
                f"rule {rule}: {_matched(rule, trace)}" for rule in dict.fromkeys(r.rule for r in requirements)
            )
        case _:
            return ()


def _matched(rule: str, trace: Iterable[Traced]) -> str:
    found = (
        entry.because + (" (reached)" if item.reached else "")
        for item in trace
        if item.rule == rule
        for entry in item.considered
        if entry.matched
    )
    return "; ".join(dict.fromkeys(found))


def _outcomes(decision: Decision) -> dict[Permission, Traced]:
    """What decides each permission. One with several entries (a whole table, by its columns) has the strictest."""
    found: dict[Permission, Traced] = {}
    for item in decision.trace:
        if not item.reached and _STRICTNESS[item.outcome] >= _STRICTNESS.get(_outcome(found, item.permission), -1):
            found[item.permission] = item
    return found


def _outcome(found: Mapping[Permission, Traced], permission: Permission) -> str:
    known = found.get(permission)
    return "" if known is None else known.outcome


def _groups(
    permissions: Sequence[Permission], decision: Decision | None, trace: Mapping[Permission, Traced], tags: Tags
) -> tuple[Group, ...]:
    by_target: dict[tuple[str, str], list[Permission]] = {}
    for item in permissions:
        by_target.setdefault((_target(item), item.privilege), []).append(item)
    groups = []
    for (target, privilege), members in sorted(by_target.items()):
        parts: dict[tuple[Verdict, tuple[str, ...], str], list[str]] = {}
        for item in members:
            traced = trace.get(item)
            verdict = _OUTCOMES.get(traced.outcome, verdict_of(decision)) if traced else Verdict.UNKNOWN
            key = (verdict, _tags(item, tags), _by(item, traced, decision))
            parts.setdefault(key, []).append(_name(item))
        groups.append(
            Group(
                privilege=privilege,
                target=target,
                parts=tuple(
                    Part(verdict=verdict, names=tuple(names), tags=its_tags, by=by)
                    for (verdict, its_tags, by), names in parts.items()
                ),
            )
        )
    return tuple(groups)


def _target(item: Permission) -> str:
    name = ".".join(part for part in (item.schema, item.object) if part is not None)
    return name if item.kind in _ON_RELATIONS else f"{item.kind.value.replace('_', ' ')} {name}"


def _name(item: Permission) -> str:
    match item.kind:
        case Kind.COLUMN:
            return item.column or ""
        case Kind.ANY_COLUMN:
            return "any one column"
        case Kind.RELATION:
            return "the whole table"
        case _:
            return item.privilege.lower()


def _tags(item: Permission, tags: Tags) -> tuple[str, ...]:
    if item.kind is Kind.COLUMN:
        return tuple(sorted(tags.get((item.schema or "", item.object or "", item.column or ""), frozenset())))
    if item.kind is Kind.RELATION:
        of_columns = (
            found for (schema, name, _), found in tags.items() if (schema, name) == (item.schema, item.object)
        )
        return tuple(sorted(frozenset().union(*of_columns)))
    return ()


def _by(item: Permission, traced: Traced | None, decision: Decision | None) -> str:
    if traced is None:
        return ""
    if traced.outcome == "approvers" and isinstance(decision, NeedsApproval):
        demanded = (who(each) for each in decision.requirements if item in each.permissions)
        return " and ".join(dict.fromkeys(demanded)) or (traced.rule or "")
    if traced.outcome == "deny":
        return traced.rule or "no rule covers it"
    return "auto" if traced.outcome == "auto" else ""


def _easier(permissions: Sequence[Permission], trace: Mapping[Permission, Traced]) -> tuple[Permission, ...]:
    """Without which columns every permission left is automatic: worth saying only when few stand in the way."""
    outcomes = {item: trace[item].outcome if item in trace else None for item in permissions}
    in_the_way = tuple(item for item, outcome in outcomes.items() if outcome != "auto")
    if not 0 < len(in_the_way) <= MAX_LEFT_OUT or len(in_the_way) == len(outcomes):
        return ()
    if not all(item.kind is Kind.COLUMN and item.privilege == "SELECT" for item in in_the_way):
        return ()
    return in_the_way
