"""A request's events as the steps people think in. Pure; draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from p0_access.messages.job import waited_for
from p0_access.messages.views import Event, RequestSummary, State
from p0_tui.times import ago

StepKind = Literal["done", "now", "next", "bad"]
GLYPHS: dict[StepKind, str] = {"done": "✓", "now": "●", "next": "○", "bad": "✗"}

_WORDS = {
    "submitted": "submitted",
    "admitted": "read by the agent",
    "approval": "approval",
    "denied": "denied",
    "refused": "refused",
    "approved": "approved",
    "collected": "collected",
    "provisioning": "provisioning",
    "active": "ready",
    "ending": "ending",
    "ended": "ended",
    "failed": "failed",
    "lapsed": "lapsed",
    "cancelled": "withdrawn",
    "needs_changes": "needs changes",
    "needs_login": "needs a new sign-in",
    "escalated": "more people were asked",
    "extended": "extended",
    "reviewed": "looked at afterwards",
    "used": "used",
}
_BAD = frozenset({"denied", "refused", "failed", "lapsed", "needs_changes", "needs_login"})
_BAD_CAUSES = frozenset({"failed", "changed", "revoked"})
"""Of an end that whoever had the access did not choose, and that did not come with its time."""

_NAMED = frozenset({"submitted", "approval", "denied", "cancelled", "ending", "reviewed"})
"""What somebody did by their own word."""

_WAITING = {
    State.SUBMITTED: ("waiting for the agent", ("decision", "login")),
    State.PENDING: ("waiting for approval", ("login",)),
    State.APPROVED: ("approved, to be collected", ("login",)),
    State.PROVISIONING: ("making the login", ()),
    State.ENDING: ("ending", ()),
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is in seconds since the epoch, None for what has not come; `who` and what they `said` is untrusted text."""

    kind: StepKind
    text: str
    who: str | None = None
    said: str | None = None
    at: int | None = None


def steps(request: RequestSummary, events: Sequence[Event], now: float) -> tuple[Step, ...]:
    """What happened, in order, then what is waited for, then what is to come."""
    found = [
        Step(
            kind="bad" if _is_bad(event) else "done",
            text=_text(event),
            who=_who(event),
            said=str(event.data.get("comment") or "") or None,
            at=event.at,
        )
        for event in sorted(events, key=lambda item: item.seq)
    ]
    waiting = _WAITING.get(request.state)
    if waiting is not None:
        text, to_come = waiting
        found.append(Step(kind="now", text=_with_progress(text, request, now)))
        found.extend(Step(kind="next", text=item) for item in to_come)
    return tuple(found)


def _is_bad(event: Event) -> bool:
    return event.type in _BAD or event.data.get("decision") == "deny" or event.data.get("cause") in _BAD_CAUSES


def _text(event: Event) -> str:
    if event.data.get("in_advance"):
        return "approved in advance"
    if event.data.get("decision") == "deny":
        return "denial"
    if event.type == "ended" and event.data.get("cause"):
        return f"ended: {str(event.data['cause']).replace('_', ' ')}"
    return _WORDS.get(event.type, event.type)


def _who(event: Event) -> str | None:
    if event.data.get("in_advance"):
        return str(event.data["in_advance"])  # the allowance
    if event.type not in _NAMED or event.actor is None:
        return None
    absent = event.data.get("in_place_of")
    return f"{event.actor} in place of {', '.join(map(str, absent))}" if isinstance(absent, list) else event.actor


def _with_progress(text: str, request: RequestSummary, now: float) -> str:
    if request.state is not State.PENDING or not request.progress:
        return text
    return f"{text} · {waited_for(request.progress, now)}"


def state_text(request: RequestSummary, now: float) -> tuple[StepKind, str]:
    """One glyph's kind and a word for a list: `● pending 3m`, `✗ denied`."""
    state = request.state
    if request.review_due is not None and request.reviewed_by is None and not request.mine:
        return ("bad", "OVERDUE") if request.review_due <= now else ("now", "emergency")
    if state is State.ACTIVE:
        return "done", "active"
    if state is State.ENDED:
        cause = request.end_cause or "ended"
        return "bad" if cause in _BAD_CAUSES else "next", cause.replace("_", " ")
    if state.final:
        return "next" if state is State.CANCELLED else "bad", state.value.replace("_", " ")
    return "now", f"{state.value} {ago(now - request.created)}"
