"""When a person's act on a request is taken in, and what the log says of it at once. Pure.

The agent decides whether the act counts; here it is only refused where no agent could accept it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from p0_access.messages.job import JobKind
from p0_access.messages.mandates import Review
from p0_access.messages.records import Act, Admission, Approval, Collect, End
from p0_access.messages.views import EventType, State
from p0_access.proof.identity import VerifiedIdentity
from p0_access.proof.jws import record_hash, unverified_record
from p0_server.errors import ConflictError, ForbiddenError, UnprocessableError
from p0_server.stepping_up import demand_of_approval, refuse_pasted
from p0_server.store.records import Change, NewEvent, StoredRequest


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, by the identity beside the act: on their own request (`mine`), or as one of its reviewers, by these of
    its reviewers' keys."""

    person: VerifiedIdentity
    mine: bool
    reviews_by: frozenset[str]

    @property
    def reviewer(self) -> bool:
        return bool(self.reviews_by)


class TakenIn(msgspec.Struct, frozen=True, kw_only=True):
    """The job to make for the agent, in the same commit as the change."""

    kind: JobKind
    change: Change


def take_in(request: StoredRequest, who: Actor, act: Act, now: int) -> TakenIn | None:
    """The step that `act` makes of `request`; None when what it asks for is there or on its way."""
    match act:
        case Approval():
            return _approval(request, who, act, now)
        case Collect():
            return _collect(request, who, act, now)
        case End():
            return _end(request, who, act, now)
        case Review():
            return _review(request, who, act)
    raise UnprocessableError("this is no act on a request", code="record_type")


def _approval(request: StoredRequest, who: Actor, act: Approval, now: int) -> TakenIn:
    if who.mine:
        raise ForbiddenError("nobody approves their own request", code="own_request")
    if not who.reviewer:
        raise ForbiddenError("you are not among those who can approve this", code="not_an_approver")
    if request.state is State.SUBMITTED or request.admission is None:
        raise ConflictError(
            "the agent has not admitted this request yet", code="not_admitted", hint="Try again in a moment."
        )
    if request.state is not State.PENDING:
        state = request.state.value
        hint = None if request.state.final else f"p0 revoke {request.rid} ends the access"
        raise ConflictError(f"the request is {state.replace('_', ' ')} already", code=f"already_{state}", hint=hint)
    _same_admission(request, act.ah)
    if act.decision == "deny" and not act.comment.strip():
        raise UnprocessableError("a denial says why", code="comment_required", hint="--comment TEXT")
    demand_of_approval(unverified_record(request.admission, Admission), act, who.person, who.reviews_by, now)
    return TakenIn(kind="approval", change=Change(request=request, events=()))


def _collect(request: StoredRequest, who: Actor, act: Collect, now: int) -> TakenIn | None:
    if not who.mine:
        raise ForbiddenError("only who asked can collect", code="not_yours")
    _same_request(request, act.rh)
    if request.state in {State.PROVISIONING, State.ACTIVE}:
        return None
    if request.state is not State.APPROVED:
        raise ConflictError(f"the request is {request.state}", code="not_approved")
    _same_admission(request, act.ah)
    return TakenIn(kind="collect", change=_changed(request, State.PROVISIONING, "collected", who, now, {}))


def _end(request: StoredRequest, who: Actor, act: End, now: int) -> TakenIn:
    _same_request(request, act.rh)
    mandate = request.kind != "request"
    if mandate and not who.mine:
        raise ForbiddenError("only who signed it can withdraw it", code="not_yours")
    if act.act != "revoke" and not who.mine:
        raise ForbiddenError(f"only who asked can {act.act}", code="not_yours", hint="p0 revoke ends another's access")
    if request.state.final:
        raise ConflictError(f"the request is over already: {request.end_cause or request.state}", code="already_ended")
    state = State.ENDING if request.state is State.ACTIVE else request.state
    data = {"act": act.act, "comment": act.comment}
    return TakenIn(kind="withdraw" if mandate else "end", change=_changed(request, state, "ending", who, now, data))


def _review(request: StoredRequest, who: Actor, act: Review) -> TakenIn:
    _same_request(request, act.rh)
    if who.mine:
        raise ForbiddenError("nobody reviews their own emergency", code="own_request")
    if not who.reviewer:
        raise ForbiddenError("you are not among those who review this", code="not_a_reviewer")
    if request.review_due is None:
        raise ConflictError("no review of this is waited for", code="no_review")
    if request.reviewed_by is not None:
        raise ConflictError(f"{request.reviewed_by} has reviewed it already", code="already_reviewed")
    _same_admission(request, act.ah)
    refuse_pasted(who.person)
    return TakenIn(kind="review", change=Change(request=request, events=()))


def _changed(
    request: StoredRequest, state: State, event: EventType, who: Actor, now: int, data: dict[str, Any]
) -> Change:
    changed = msgspec.structs.replace(request, state=state, updated=now)
    return Change(
        request=changed, events=(NewEvent(at=now, type=event, state=state, actor=who.person.name, data=data),)
    )


def _same_request(request: StoredRequest, rh: str) -> None:
    if rh != request.rh:
        raise UnprocessableError("this was signed for another request", code="act_request")


def _same_admission(request: StoredRequest, ah: str) -> None:
    if request.admission is None or ah != record_hash(request.admission):
        raise ConflictError(
            "this was signed for another admission", code="admission_changed", hint="Changed, review again."
        )
