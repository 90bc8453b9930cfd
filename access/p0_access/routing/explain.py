"""A decision in words, for a person at a terminal. Lines have no colour and no markup.

Names come from the catalog and from people, as they are: whoever shows them makes control characters visible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p0_access.routing.approvals import named, who
from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval, Requirement, StepUp, Traced
from p0_access.routing.durations import spell_duration
from p0_access.routing.matching import spell


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
        lines = [f"needs approval: {asked(each, decision.trace)}" for each in decision.requirements]
        lines.append(f"for {_limit(decision)}")
    signing_in = [f"who asks signs in for it{_strength(each)}" for each in decision.step_up]
    return (*lines, *signing_in, *_emergency(decision))


def asked(requirement: Requirement, trace: Sequence[Traced]) -> str:
    """`1 of privacy (rule customers-pii) because enterprise.customers.email is pii`."""
    reasons = dict.fromkeys(
        entry.because + (" (reached)" if item.reached else "")
        for item in trace
        if item.rule == requirement.rule
        for entry in item.considered
        if entry.matched
    )
    because = f" because {spell(reasons, 'and')}" if reasons else ""
    step_up = requirement.step_up
    signing_in = "" if step_up is None else f", signing in for it{_strength(step_up)}"
    return f"{who(requirement)} (rule {requirement.rule}){because}{signing_in}{_later(requirement)}"


def _strength(step_up: StepUp) -> str:
    named = [f"{claim} {spell(values)}" for claim, values in (("acr", step_up.acr), ("amr", step_up.amr)) if values]
    return f" ({', '.join(named)})" if named else ""


def explain_trace(trace: Sequence[Traced]) -> tuple[str, ...]:
    """Every permission with its outcome, and below it each rule that was held against it, with the reason."""
    return tuple(line for item in trace for line in _explain_traced(item))


def _explain_traced(item: Traced) -> Iterator[str]:
    words = {"auto": "automatic", "approvers": "needs approval", "deny": "denied", "implied": "implied"}
    rule = "" if item.rule is None else f" (rule {item.rule})"
    because = f": {item.because}" if item.because else ""
    reached = ", which this reaches" if item.reached else ""
    yield f"{item.permission}{reached}: {words[item.outcome]}{rule}{because}"
    for each in item.considered:
        yield f"  {each.rule}: matches: {each.because}" if each.matched else f"  {each.rule}: no: {each.because}"
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
