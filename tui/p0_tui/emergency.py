"""What is said of emergencies: before one is signed, to those who look at it afterwards, and in lists."""

from __future__ import annotations

from textual.content import Content

from p0_access.messages.views import RequestSummary
from p0_access.routing.decision import Automatic, Emergency, NeedsApproval
from p0_access.routing.durations import spell_duration
from p0_tui.assessment import assess
from p0_tui.backend import Draft
from p0_tui.database_look import look_of
from p0_tui.paint import group_lines
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.times import ago


def emergency_question(draft: Draft, decision: Automatic | NeedsApproval, emergency: Emergency) -> Content:
    """All that breaking the glass causes, before it is signed."""
    told = " and ".join(emergency.notify)
    within = spell_duration(emergency.review_within)
    assessment = assess([item.permission for item in decision.trace if not item.reached], decision, {})
    asked = "nobody is asked" if isinstance(decision, Automatic) else f"{assessment.headline} still has to approve"
    lines = [
        safe(f"Break the glass on {look_of(draft.database).mark}{draft.database}: {asked}", "bold $text-error"),
        EMPTY,
        safe(f"▲ {told} are told at once, by the agent itself, in your words:", "bold"),
        safe(f"  {draft.reason}"),
        safe(f"▲ one of them has to look at it within {within}; until then it stands open in your name", "bold"),
    ]
    if decision.step_up:
        lines.append(safe("▲ you sign in for it with your browser", "bold"))
    lines += [EMPTY, safe(f"For {spell_duration(decision.ttl)}, by one login, any statement over:")]
    for group in assessment.groups:
        lines.extend(group_lines(group))
    return stacked(lines)


def is_open(request: RequestSummary) -> bool:
    """Whether it was an emergency at which nobody has looked yet."""
    return request.review_due is not None and request.reviewed_by is None


def review_state(request: RequestSummary, now: float) -> tuple[bool, str] | None:
    """Whether it is bad, and what stands to be said of the review; None if it was no emergency."""
    if request.review_due is None:
        return None
    if request.reviewed_by is not None:
        return False, f"emergency, looked at by {request.reviewed_by}"
    left = request.review_due - now
    if left <= 0:
        return True, f"emergency, review OVERDUE by {ago(-left)}"
    return False, f"emergency, to be looked at within {ago(left)}"
