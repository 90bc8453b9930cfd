"""What has happened to a request, in words for people."""

from __future__ import annotations

import msgspec
import pytest

from p0_access.messages.records import Subject
from p0_access.messages.views import Event, RequestSummary, State
from p0_tui.timeline import Step, steps

ADA = Subject(iss="https://id", sub="ada", email=None)
APPROVED = RequestSummary(
    rid="r-1", database="sales", state=State.ACTIVE, end_cause=None, requestor=ADA,
    reason="", summary="select 1", created=0, updated=3, ttl=60, not_after=63, login=None, progress=(), code=None,
    message=None, hint=None, mine=True, reviewable=False,
)  # fmt: skip


def approval(**data: str | list[str]) -> Step:
    event = Event(seq=1, rid="r-1", at=3, type="approval", state=State.PENDING, actor="pat", data=dict(data))
    (only,) = steps(APPROVED, [event], now=5)
    return only


def test_an_approval_names_who_approved() -> None:
    assert (approval().text, approval().who) == ("approval", "pat")


def test_an_approval_by_a_stand_in_names_for_whom() -> None:
    assert approval(in_place_of=["ann", "bob"]).who == "pat in place of ann, bob"


def test_an_approval_in_advance_names_the_allowance() -> None:
    step = approval(in_advance="m-dx43wcwm")
    assert (step.text, step.who) == ("approved in advance", "m-dx43wcwm")


def test_a_denial_is_no_approval_and_says_why() -> None:
    step = approval(decision="deny", comment="names will do")
    assert (step.kind, step.text, step.who, step.said) == ("bad", "denial", "pat", "names will do")


@pytest.mark.parametrize(
    ("cause", "kind", "text"),
    [("revoked", "bad", "ended: revoked"), ("changed", "bad", "ended: changed"), ("expired", "done", "ended: expired")],
)
def test_an_end_says_how(cause: str, kind: str, text: str) -> None:
    event = Event(seq=1, rid="r-1", at=3, type="ended", state=State.ENDED, actor="pat", data={"cause": cause})
    ended = msgspec.structs.replace(APPROVED, state=State.ENDED)
    (step,) = steps(ended, [event], now=5)
    assert (step.kind, step.text) == (kind, text)
