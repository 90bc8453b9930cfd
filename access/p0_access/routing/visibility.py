"""What a person may know of: the databases and catalogs in which some rule could grant them something, or have them
review what others ask for. For everybody else they do not exist.

It looks at who a rule is for, at its databases and its privileges, never at the hour or a reason: what is granted only
on weekdays is there on Sundays, too. It only shows and hides, and decides nothing. Of requests, `approvals` says who
could approve them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from p0_access.routing.decision import Approvers, Requestor
from p0_access.routing.patterns import Pattern
from p0_access.routing.people import is_approver, is_meant
from p0_access.routing.rule import BreakGlass, Deny, People, Rule
from p0_access.routing.rules import RuleSet

Sees = Literal["nothing", "database", "catalog"]

_OF_THE_DATABASE: Final = frozenset({"CONNECT", "TEMPORARY"})
"""Privileges that need no name of what is in a database."""


class Sight:
    """One person's view of databases, by one set of rules. Made once for a call: the rules are gone through once."""

    def __init__(self, rules: RuleSet, person: Requestor) -> None:
        self._open = rules.open_catalogs
        self._relevant = tuple(_relevant(rules.rules, person))

    def of(self, database: str) -> Sees:
        """`database`: that it is there, and not what is in it. A rule about nothing but CONNECT shows no more. The
        name need not be one of a database that exists."""
        if _fits(self._open, database):
            return "catalog"
        found: Sees = "nothing"
        closed = False
        for rule, asks, reviews in self._relevant:
            if not _fits(rule.resource.databases, database):
                continue
            if isinstance(rule.approval, Deny):
                if rule.requestors is None:
                    break
                closed = True
            elif reviews or (asks and not closed):
                if rule.access.privileges is None or not rule.access.privileges <= _OF_THE_DATABASE:
                    return "catalog"
                found = "database"
        return found


def _relevant(rules: Iterable[Rule], person: Requestor) -> Iterator[tuple[Rule, bool, bool]]:
    """Each rule that says something about what the person sees: whether they may ask by it, whether review by it. Of
    denials only those that leave nothing of a database."""
    for rule in rules:
        asks = rule.requestors is None or is_meant(rule.requestors, person)
        if isinstance(rule.approval, Deny):
            if asks and _takes_all(rule):
                yield rule, False, False
            continue
        reviews = any(is_approver(approvers, person) for approvers in _reviewers(rule))
        if asks or reviews:
            yield rule, asks, reviews


def _reviewers(rule: Rule) -> tuple[Approvers, ...]:
    if isinstance(rule.approval, BreakGlass):
        return (Approvers(groups=rule.approval.notify),)
    return rule.approval.everybody if isinstance(rule.approval, People) else ()


def _takes_all(rule: Rule) -> bool:
    """Whether it matches whatever is asked for in its databases, at any time."""
    return (
        rule.when is None
        and not rule.resource.selects
        and rule.resource.schemas is None
        and rule.access.privileges is None
        and rule.access.kinds is None
    )


def _fits(patterns: Iterable[Pattern], database: str) -> bool:
    return any(pattern.fits(database) for pattern in patterns)
