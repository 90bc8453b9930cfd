"""The verdict over a request: `route`. Pure, total, and the same on every side that holds the same rules.

1. Requests with implied permissions only are routed as CONNECT on the database.
2. What is implied (CONNECT, schema USAGE, the sequence behind a column default) follows what carries it.
3. Every other permission is routed on its own: the first rule that matches decides; where none does, it is denied. A
   permission on a whole relation is as good as the least of its columns.
4. What is reached is held against denials and tags only; where none matches, it adds nothing.
5. One denial denies; else every requirement must be met; only what is all automatic is automatic, and never with an
   unknown reach.
6. The time is the least of what is asked and every cap, and doesn't outlive a rule's window.

A request that is signed as an emergency is held against every denial first, then against the break-glass rules, then
against the others; any other request against all but the break-glass rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from operator import itemgetter

from p0_access.permissions.permission import Kind, Permission
from p0_access.routing.decision import (
    Automatic,
    Decision,
    Denied,
    Emergency,
    NeedsApproval,
    Question,
    Requirement,
)
from p0_access.routing.matching import spell
from p0_access.routing.naming import gathered
from p0_access.routing.routed import Implied, Routed, Ruled, Undecidable, carried, route_granted, route_reached
from p0_access.routing.rule import BreakGlass, Deny, People, Rule
from p0_access.routing.rules import RuleSet
from p0_access.routing.selection import Selection
from p0_access.routing.sessions import strictest
from p0_access.routing.stepping_up import of_approvers, of_requestor, writes
from p0_access.routing.trace import trace


def route(rules: RuleSet, question: Question) -> Decision:
    """Decide `question`, whose `at` must know its time zone. The reason is not looked at: see `reason_problem`."""
    if question.at.tzinfo is None:
        raise ValueError("an instant without a time zone")
    selection = _selection(rules, question)
    routed = carried(question)  # 1
    found = [*route_granted(question, selection, routed), *route_reached(question, selection)]  # 2 to 4
    traced = trace(found, selection)
    requirements = _requirements(found, routed, selection, question)  # 5
    denials = tuple(_denials(found, selection))
    if not denials and not requirements and question.reach_unknown:
        denials = ("what this reaches is not known in full, and no rule asks anybody to look at it",)
    if denials:
        return Denied(reasons=denials, trace=traced)
    deciding = _deciding(found, selection)
    ttl, because, not_after = _limits(deciding, question, selection)  # 6
    emergency = _emergency(deciding)
    session = strictest([rules.defaults.session, *(rule.session for rule in deciding)])
    step_up = of_requestor(rule.step_up for rule in deciding)
    if requirements:
        return NeedsApproval(
            ttl=ttl,
            requirements=requirements,
            trace=traced,
            ttl_because=because,
            not_after=not_after,
            emergency=emergency,
            step_up=step_up,
            session=session,
        )
    return Automatic(
        ttl=ttl,
        trace=traced,
        ttl_because=because,
        not_after=not_after,
        emergency=emergency,
        step_up=step_up,
        session=session,
    )


def reason_problem(rules: RuleSet, question: Question) -> str | None:
    """What is wrong with the reason, in a sentence: it is required, by the defaults or by a rule that decides some of
    it, and not given, or it does not name what such a rule wants named.

    `route` leaves it aside, so that a preview works before a reason is written. Whoever submits checks it: the
    launcher as a usage error before anything is sent, server and agent as a refusal with the code `reason_required`.
    """
    given = bool(question.reason.strip())
    if question.break_glass and not given:
        return "an emergency needs a reason"
    if rules.defaults.require_reason and not given:
        return "a reason is required"
    selection = _selection(rules, question)
    found = [*route_granted(question, selection, carried(question)), *route_reached(question, selection)]
    for rule in _deciding(found, selection):
        if rule.require_reason and not given:
            return "a reason is required"
        if rule.reason and not any(form.named_in(question.reason) for form in rule.reason):
            return f"rule {rule.name} wants a reason that names {spell(rule.reason)} (# stands for digits)"
    return None


def _selection(rules: RuleSet, question: Question) -> Selection:
    return Selection(rules.emergency if question.break_glass else rules.ordinary, question)


def _emergency(deciding: Iterable[Rule]) -> Emergency | None:
    """What the deciding break-glass rules demand together: everybody is told, and the shortest time to review holds."""
    broken = [(rule.name, rule.approval) for rule in deciding if isinstance(rule.approval, BreakGlass)]
    if not broken:
        return None
    return Emergency(
        rules=tuple(name for name, _ in broken),
        notify=tuple(dict.fromkeys(group for _, glass in broken for group in glass.notify)),
        review_within=min(glass.review_within for _, glass in broken),
    )


def _deciding(found: Iterable[Routed], selection: Selection) -> list[Rule]:
    """In order of the document."""
    positions = {item.rule for item in found if isinstance(item, Ruled) and item.rule is not None}
    return [selection.rules[position] for position in sorted(positions)]


def _requirements(
    found: Sequence[Routed], everything: tuple[Permission, ...], selection: Selection, question: Question
) -> tuple[Requirement, ...]:
    """In order of the rules. What is reached belongs to no single permission, so it is asked about with everything."""
    asked: dict[int, list[Permission]] = {}
    for item in found:
        if isinstance(item, Ruled) and item.rule is not None:
            asked.setdefault(item.rule, []).extend(everything if item.reached else (item.permission,))
    place = {item: number for number, item in enumerate(everything)}
    step_up = selection.set.defaults.step_up_for_writes and writes(question)
    requirements: list[Requirement] = []
    for position in sorted(asked):
        rule, about = selection.rules[position], set(asked[position])
        if isinstance(rule.approval, People):
            permissions = tuple(sorted(about, key=place.__getitem__))
            requirements += [
                Requirement(
                    rule=rule.name,
                    approvers=each.approvers,
                    count=each.count,
                    permissions=permissions,
                    instead=each.instead,
                    escalate=rule.approval.escalate,
                    step_up=of_approvers(rule.step_up, otherwise=step_up),
                )
                for each in rule.approval.quorums
            ]
    return tuple(requirements)


def _denials(found: Iterable[Routed], selection: Selection) -> Iterator[str]:
    """A line for each denying rule, one for each other cause, one for all that no rule covers; each names what it is
    about."""
    by_cause: dict[tuple[str, str | None], list[Routed]] = {}
    for item in found:
        cause = _cause(item, selection)
        if cause is not None:
            by_cause.setdefault(cause, []).append(item)
    for (message, rule), items in by_cause.items():
        named = spell(dict.fromkeys(_names(items)), "and")
        if rule is not None:
            yield f"{message} ({named}; rule {rule})"
        else:
            yield f"{named}: {message}" if message else f"no rule covers {named}"


def _cause(item: Routed, selection: Selection) -> tuple[str, str | None] | None:
    """(message, rule) of a denial; no rule where none covers it. None where it is not denied."""
    if isinstance(item, Implied):
        return None
    if isinstance(item, Undecidable):
        return item.problem, None
    if item.rule is None:
        return "", None
    rule = selection.rules[item.rule]
    return (rule.approval.message, rule.name) if isinstance(rule.approval, Deny) else None


def _names(items: Sequence[Routed]) -> Iterator[str]:
    """Of what is asked for, then of what is reached; columns of one relation stand together."""
    for reached in (False, True):
        within = [item for item in items if (not isinstance(item, Implied) and item.reached) == reached]
        columns = [item.permission for item in within if item.permission.kind is Kind.COLUMN]
        others = [_name(item) for item in within if item.permission.kind is not Kind.COLUMN]
        for name in (*gathered(columns), *others):
            yield f"{name}, which this reaches" if reached else name


def _name(item: Routed) -> str:
    columns = item.columns if isinstance(item, Ruled) else ()
    return f"{item.permission} for {spell(columns, 'and')}" if columns else str(item.permission)


def _limits(deciding: Iterable[Rule], question: Question, selection: Selection) -> tuple[int, str, int | None]:
    """The TTL, whose it is, and when the first window closes."""
    caps = [] if question.ttl is None else [(question.ttl, "as asked")]
    caps.append((selection.set.defaults.max_ttl, "the default cap"))
    closings: list[int] = []
    for rule in deciding:
        if rule.max_ttl is not None:
            caps.append((rule.max_ttl, f"capped by rule {rule.name}"))
        closes = None if rule.when is None else selection.windows.closes(rule.when)
        if closes is not None:
            closings.append(closes)
            caps.append((closes - ceil(question.at.timestamp()), f"until the window of rule {rule.name} closes"))
    ttl, because = min(caps, key=itemgetter(0))
    return ttl, because, min(closings, default=None)
