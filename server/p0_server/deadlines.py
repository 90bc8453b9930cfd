"""What a request waits for, and until when: people, more people, its collection, a review. Pure.

Times are the server's, for showing and reminding; the agent holds to its own clock.
"""

from __future__ import annotations

import msgspec

from p0_access.messages.records import Admission, Request
from p0_access.messages.views import State
from p0_access.proof import jws
from p0_access.routing.decision import Decision, Denied
from p0_server.store.records import NewEvent, StoredRequest
from p0_server.visibility import escalated_keys, escalations


def with_deadlines(before: StoredRequest, after: StoredRequest, now: int) -> StoredRequest:
    """The request after a step, with its times by what it waits for now. What stands has been verified: the tokens that
    proved it are no longer kept."""
    if after.kind != "request":
        return msgspec.structs.replace(after, identity=None) if after.state is State.ACTIVE else after
    if after.admission is None:
        return after
    admission = jws.unverified_record(after.admission, Admission)  # verified when the agent handed it in
    decision = admission.rules.decision
    if after.state is State.PENDING:
        return msgspec.structs.replace(
            after, exp=admission.exp, escalate_at=_next_escalation(decision, admission.iat, now)
        )
    changed = msgspec.structs.replace(after, escalate_at=None, exp=jws.unverified_record(after.record, Request).exp)
    emergency = None if isinstance(decision, Denied) else decision.emergency
    if after.state is State.ACTIVE and before.review_due is None and emergency is not None:
        return msgspec.structs.replace(changed, review_due=now + emergency.review_within)
    return changed


def escalated(request: StoredRequest, now: int) -> tuple[StoredRequest, NewEvent, frozenset[str]]:
    """Its escalation is due: the request, the row that says so, and the keys of those who may approve from now on."""
    admission = jws.unverified_record(request.admission or "", Admission)
    decision = admission.rules.decision
    after = now - admission.iat
    keys = escalated_keys(decision, request.iss, after=after)
    changed = msgspec.structs.replace(request, updated=now, escalate_at=_next_escalation(decision, admission.iat, now))
    to = sorted({group for each in escalations(decision) if each.after <= after for group in each.to.groups})
    return changed, NewEvent(at=now, type="escalated", state=request.state, data={"to": to}), keys


def mandate_expired(request: StoredRequest, now: int) -> tuple[StoredRequest, NewEvent]:
    """An allowance or a delegation that has come to its end."""
    changed = msgspec.structs.replace(request, state=State.ENDED, end_cause="expired", updated=now)
    return changed, NewEvent(at=now, type="ended", state=State.ENDED, data={"cause": "expired"})


def _next_escalation(decision: Decision, admitted: int, now: int) -> int | None:
    """When more people may approve who may not yet."""
    return min((admitted + each.after for each in escalations(decision) if admitted + each.after > now), default=None)
