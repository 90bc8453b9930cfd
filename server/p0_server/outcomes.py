"""What an agent's result makes of a request. Pure: the request, the job and the result in, the step out.

The agent's word is final; the server only keeps it, as rows of the log and the records that the agent signed. What
was refused is an act (an approval, a collection, an end), unless the job was to admit the request itself, or the agent
says that the refusal closes the request.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from p0_access.errors import P0Error
from p0_access.messages.job import Result
from p0_access.messages.mandates import Extension, Review
from p0_access.messages.records import Admission, Approval, Credential, Deletion, Refusal
from p0_access.messages.views import EventType, State
from p0_access.proof import jws
from p0_access.proof.keys import PublicKey
from p0_access.routing.decision import Denied
from p0_server.deadlines import with_deadlines
from p0_server.errors import UnprocessableError
from p0_server.store.records import NewEvent, StoredJob, StoredRequest
from p0_server.transitions import legal
from p0_server.visibility import reviewer_keys

_STATE_OF: Final = {
    "refused": State.REFUSED,
    "denied": State.DENIED,
    "pending": State.PENDING,
    "approved": State.APPROVED,
    "active": State.ACTIVE,
    "ended": State.ENDED,
    "cancelled": State.CANCELLED,
    "needs_changes": State.NEEDS_CHANGES,
    "lapsed": State.LAPSED,
    "extended": State.ENDED,
    "failed": State.ENDED,
}

_EVENT_OF: Final[dict[State, EventType]] = {
    State.APPROVED: "approved",
    State.REFUSED: "refused",
    State.DENIED: "denied",
    State.CANCELLED: "cancelled",
    State.NEEDS_CHANGES: "needs_changes",
    State.NEEDS_LOGIN: "needs_login",
    State.LAPSED: "lapsed",
    State.ENDED: "ended",
}

_ONLY_BY_REFUSAL: Final = frozenset({(State.PROVISIONING, State.APPROVED), (State.ENDING, State.ACTIVE)})
"""Ways back: a late answer to an earlier job does not take them."""

_NEEDS_LOGIN: Final = frozenset({"token_expired", "session_too_old"})
"""Refusals that a new login mends."""


class AgentRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a result, each with its signature verified and about the request at hand."""

    admission: jws.Verified[Admission] | None = None
    refusal: jws.Verified[Refusal] | None = None
    credential: jws.Verified[Credential] | None = None
    deletion: jws.Verified[Deletion] | None = None
    extension: jws.Verified[Extension] | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What the request becomes, the rows that say so, and who may review it from now on."""

    request: StoredRequest
    events: tuple[NewEvent, ...]
    reviewers: frozenset[str] = frozenset()


def verified(records: tuple[str, ...], key: PublicKey, rh: str) -> AgentRecords:
    """Refuses records that `key` did not sign, of a kind that agents do not sign, or about another request."""
    found: dict[str, jws.Verified[Any]] = {}
    for compact in records:
        try:
            name, type_ = _KINDS.get(jws.unverified_type(compact), (None, None))
            if name is None or type_ is None:
                raise UnprocessableError("this is no record of an agent about a request", code="agent_record")
            record = jws.verify(compact, type_, key)
        except P0Error as error:
            raise UnprocessableError(f"a record of the result: {error}", code="agent_record") from error
        if record.record.rh != rh:
            raise UnprocessableError("a record of the result is about another request", code="agent_record")
        found[name] = record
    return AgentRecords(**found)


def settle(request: StoredRequest, job: StoredJob, result: Result, records: AgentRecords, now: int) -> Step:
    """The step that `result` makes of `request`. A state that may not follow leaves the request where it is."""
    if result.outcome == "refused" and job.kind != "admit":
        if result.closed and legal(request.state, State.REFUSED):
            return _closed_by_act(request, job, result, records, now)
        return _act_refused(request, job, result, now)
    if result.outcome == "failed" and job.kind == "end":
        return _act_refused(request, job, result, now)
    if job.kind == "review":
        return _reviewed(request, job, now)
    after = _STATE_OF[result.outcome]
    if after is State.REFUSED and result.code in _NEEDS_LOGIN:
        after = State.NEEDS_LOGIN
    if not legal(request.state, after) or (request.state, after) in _ONLY_BY_REFUSAL:
        after = request.state
    changed = _with_records(request, job, result, records, now)
    changed = msgspec.structs.replace(changed, state=after, **_words(changed, after, job, result, records))
    decision = None if records.admission is None else records.admission.record.rules.decision
    changed = with_deadlines(request, changed, now)
    return Step(
        request=changed,
        events=_events(request, changed, job, records, result, now),
        reviewers=reviewer_keys(decision, request.iss),
    )


def extended(first: StoredRequest, extension: jws.Verified[Extension], by: StoredRequest, now: int) -> Step:
    """What an extension makes of the request whose access it is about."""
    end = extension.record.not_after
    changed = msgspec.structs.replace(first, not_after=end, extension=extension.compact, updated=now)
    event = NewEvent(at=now, type="extended", state=first.state, data={"by": by.rid, "not_after": end})
    return Step(request=changed, events=(event,))


def used(mandate: StoredRequest, by: StoredRequest, now: int) -> Step:
    """An allowance that was counted for a request."""
    changed = msgspec.structs.replace(mandate, used=mandate.used + 1, updated=now)
    event = NewEvent(at=now, type="used", state=mandate.state, data={"by": by.rid})
    return Step(request=changed, events=(event,))


def _reviewed(request: StoredRequest, job: StoredJob, now: int) -> Step:
    comment = "" if job.act is None else jws.unverified_record(job.act.record, Review).comment
    changed = msgspec.structs.replace(request, reviewed_by=job.actor, updated=now)
    event = NewEvent(at=now, type="reviewed", state=request.state, actor=job.actor, data={"comment": comment})
    return Step(request=changed, events=(event,))


def end_of_its_own(request: StoredRequest, deletion: jws.Verified[Deletion], now: int) -> Step:
    """The agent ended an access by itself, at expiry for example."""
    cause = deletion.record.cause
    changed = msgspec.structs.replace(
        request, state=State.ENDED, end_cause=cause, deletion=deletion.compact, updated=now
    )
    return Step(request=changed, events=(_ended(changed, deletion, actor=None),))


def _act_refused(request: StoredRequest, job: StoredJob, result: Result, now: int) -> Step:
    back = {
        ("collect", State.PROVISIONING): State.APPROVED,
        ("end", State.ENDING): State.ACTIVE,
        ("withdraw", State.ENDING): State.ACTIVE,
    }
    changed = msgspec.structs.replace(request, state=back.get((job.kind, request.state), request.state), updated=now)
    data = {"act": job.kind, "code": result.code, "message": result.message, "hint": result.hint}
    event = NewEvent(at=now, type="failed", state=changed.state, actor=job.actor, data=data)
    return Step(request=changed, events=(event,))


def _closed_by_act(request: StoredRequest, job: StoredJob, result: Result, records: AgentRecords, now: int) -> Step:
    words = {"code": result.code, "message": result.message, "hint": result.hint}
    refusal = request.refusal if records.refusal is None else records.refusal.compact
    changed = msgspec.structs.replace(request, state=State.REFUSED, refusal=refusal, updated=now, **words)
    event = NewEvent(at=now, type="refused", state=State.REFUSED, actor=job.actor, data={"act": job.kind, **words})
    return Step(request=changed, events=(event,))


def _with_records(
    request: StoredRequest, job: StoredJob, result: Result, records: AgentRecords, now: int
) -> StoredRequest:
    approvals = request.approvals
    if job.kind == "approval" and job.act is not None and job.act.record not in approvals:
        approvals = (*approvals, job.act.record)

    def latest(record: jws.Verified[Any] | None, before: str | None) -> str | None:
        return before if record is None else record.compact

    return msgspec.structs.replace(
        request,
        updated=now,
        approvals=approvals,
        progress=result.progress or request.progress,
        admission=latest(records.admission, request.admission),
        refusal=latest(records.refusal, request.refusal),
        credential=latest(records.credential, request.credential),
        deletion=latest(records.deletion, request.deletion),
        login=result.login or request.login,
        not_after=result.not_after or request.not_after,
        struck=result.struck or request.struck,
        extension=latest(records.extension, request.extension),
    )


def _words(
    request: StoredRequest, after: State, job: StoredJob, result: Result, records: AgentRecords
) -> dict[str, str | None]:
    """What a person is told of a request that ended, and why."""
    if not after.final:
        return {}
    cause = None
    if after is State.ENDED:
        cause = _cause(request, records)
    message = result.message
    if message is None and after is State.DENIED:
        message = _why_denied(request, job, records)
    return {"end_cause": cause, "code": result.code, "message": message, "hint": result.hint}


def _cause(request: StoredRequest, records: AgentRecords) -> str:
    if request.kind != "request":
        return "withdrawn"
    if records.extension is not None:
        return "extended"
    return "failed" if records.deletion is None else records.deletion.record.cause


def _why_denied(request: StoredRequest, job: StoredJob, records: AgentRecords) -> str | None:
    decision = None if records.admission is None else records.admission.record.rules.decision
    if isinstance(decision, Denied):
        return "; ".join(decision.reasons)
    approval = _approval(job)
    if approval is not None and approval.decision == "deny":
        return f"denied by {job.actor}: {approval.comment}"
    return request.message


def _events(
    before: StoredRequest,
    after: StoredRequest,
    job: StoredJob,
    records: AgentRecords,
    result: Result,
    now: int,
) -> tuple[NewEvent, ...]:
    """The rows of one step, in the order in which things are; the last one has the new state."""
    found: list[NewEvent] = []
    state = after.state if after.state is State.PENDING else before.state
    if records.admission is not None and before.admission is None:
        found.append(NewEvent(at=now, type="admitted", state=state, data=_admitted(records.admission.record)))
    approval = _approval(job)
    data: dict[str, Any]
    if approval is not None:
        data = {"decision": approval.decision, "ttl": approval.ttl, "comment": approval.comment}
        data["permissions"] = len(approval.permissions)
        if result.in_place_of:
            data["in_place_of"] = list(result.in_place_of)
        found.append(NewEvent(at=now, type="approval", state=state, actor=job.actor, data=data))
    found += [
        NewEvent(at=now, type="approval", state=state, data={"decision": "approve", "in_advance": rid})
        for rid in result.in_advance
    ]
    if after.state is before.state or after.state is State.PENDING:
        return tuple(found)
    actor = job.actor if job.kind in {"approval", "end", "withdraw"} else None
    if after.state is State.ACTIVE:
        if before.state is State.SUBMITTED and before.kind == "request":
            found.append(NewEvent(at=now, type="approved", state=State.APPROVED))
        data = {"login": after.login, "not_after": after.not_after}
        found.append(NewEvent(at=now, type="active", state=State.ACTIVE, data=data))
    elif after.state is State.ENDED and records.deletion is not None:
        found.append(_ended(after, records.deletion, actor=actor))
    elif after.state is State.ENDED and after.end_cause in {"extended", "withdrawn"}:
        data = {"cause": after.end_cause, "not_after": after.not_after}
        found.append(NewEvent(at=now, type="ended", state=State.ENDED, actor=actor, data=data))
    else:
        data = {"code": after.code, "message": after.message, "hint": after.hint} if after.state.final else {}
        found.append(NewEvent(at=now, type=_EVENT_OF[after.state], state=after.state, actor=actor, data=data))
    return tuple(found)


def _admitted(admission: Admission) -> dict[str, Any]:
    return {
        "permissions": [str(permission) for permission in admission.permissions],
        "verdict": msgspec.to_builtins(admission.rules.decision)["verdict"],
        "rules_sha256": admission.rules.sha256,
        "warnings": [warning.code for warning in admission.warnings],
    }


def _ended(request: StoredRequest, deletion: jws.Verified[Deletion], actor: str | None) -> NewEvent:
    record = deletion.record
    data = {"cause": record.cause, "login": record.login, "residue": list(record.residue)}
    return NewEvent(at=request.updated, type="ended", state=State.ENDED, actor=actor, data=data)


def _approval(job: StoredJob) -> Approval | None:
    if job.kind != "approval" or job.act is None:
        return None
    return jws.unverified_record(job.act.record, Approval)  # verified when it was taken in


_KINDS: Final[dict[str, tuple[str, type[Admission | Refusal | Credential | Deletion | Extension]]]] = {
    Admission.TYP: ("admission", Admission),
    Refusal.TYP: ("refusal", Refusal),
    Credential.TYP: ("credential", Credential),
    Deletion.TYP: ("deletion", Deletion),
    Extension.TYP: ("extension", Extension),
}
