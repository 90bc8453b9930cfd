"""The trace of a decision: for each permission the rules that were held against it, and why each matched or not.

A trace travels in signed records, which are capped, so it has a budget. Up to that it is complete; beyond, it leaves
out rules that are for somebody else, another database or another time first, and says how many it left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from p0_access.permissions.permission import Kind
from p0_access.routing.decision import Considered, Traced
from p0_access.routing.matching import spell
from p0_access.routing.routed import Implied, Routed, Ruled, Undecidable
from p0_access.routing.rule import Auto, BreakGlass, Deny
from p0_access.routing.selection import Selection

BUDGET: Final = 400
"""About so many rules are written down in all."""

LEAST: Final = 2
"""So many are written down for each permission in any case."""


def trace(found: Sequence[Routed], selection: Selection) -> tuple[Traced, ...]:
    limit = max(LEAST, BUDGET // max(1, len(found)))
    return tuple(_traced(item, selection, limit) for item in found)


def _traced(item: Routed, selection: Selection, limit: int) -> Traced:
    if isinstance(item, Implied):
        because = f"follows {item.follows}"
        return Traced(permission=item.permission, considered=(), outcome="implied", rule=None, because=because)
    if isinstance(item, Undecidable):
        return Traced(
            permission=item.permission,
            considered=(),
            outcome="deny",
            rule=None,
            because=item.problem,
            reached=item.reached,
        )
    considered, omitted = _considered(item, selection, limit)
    return Traced(
        permission=item.permission,
        considered=considered,
        outcome=_outcome(item, selection),
        rule=None if item.rule is None else selection.rules[item.rule].name,
        because=_because(item),
        reached=item.reached,
        omitted=omitted,
    )


def _considered(item: Ruled, selection: Selection, limit: int) -> tuple[tuple[Considered, ...], int]:
    column = item.columns[0] if item.columns else None
    before = len(selection.rules) if item.rule is None else item.rule
    shown, omitted = selection.passed(before, limit - (item.rule is not None), reached=item.reached)
    entries = [
        Considered(rule=selection.rules[at].name, matched=False, because=selection.misfit(at, item.permission, column))
        for at in shown
    ]
    if item.rule is not None:
        reason = selection.reason(item.rule, item.permission, column)
        entries.append(Considered(rule=selection.rules[item.rule].name, matched=True, because=reason))
    return tuple(entries), omitted


def _outcome(item: Ruled, selection: Selection) -> Literal["auto", "approvers", "deny"]:
    approval = Deny("") if item.rule is None else selection.rules[item.rule].approval
    if isinstance(approval, Auto | BreakGlass):
        return "auto"
    return "deny" if isinstance(approval, Deny) else "approvers"


def _because(item: Ruled) -> str:
    """What the rules' own reasons don't tell: that there is no rule, and which columns of a relation are meant."""
    parts = ["no rule covers it"] if item.rule is None else []
    if item.columns and item.permission.kind is not Kind.COLUMN:
        parts.append(f"for {spell(item.columns, 'and')}")
    return " ".join(parts)
