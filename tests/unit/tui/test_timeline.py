"""What has happened to a request, in words for people."""

from __future__ import annotations

from p0_access.messages.records import Subject
from p0_access.messages.views import Event, RequestSummary, State
from p0_tui.timeline import Step, steps

ADA = Subject(iss="https://id", sub="ada", email=None)
APPROVED = RequestSummary(
    rid="r-1", database="sales", state=State.ACTIVE, end_cause=None, requestor=ADA,
    reason="", summary="select 1", created=0, updated=3, ttl=60, not_after=63, login=None, progress=(), code=None,
    message=None, hint=None, mine=True, reviewable=False,
)  # fmt: skip


def approval(**data: str) -> Step:
    event = Event(seq=1, rid="r-1", at=3, type="approval", state=State.PENDING, actor="pat", data=dict(data))
    (only,) = steps(APPROVED, [event], now=5)
    return only


def test_an_approval_names_who_approved() -> None:
    assert (approval().text, approval().who) == ("approval", "pat")


def test_an_approval_in_advance_names_the_allowance() -> None:
    step = approval(in_advance="m-dx43wcwm")
    assert (step.text, step.who) == ("approved in advance", "m-dx43wcwm")
