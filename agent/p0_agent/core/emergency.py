"""Breaking the glass: told before it is given, by the agent's own channel, and looked at by somebody afterwards."""

from __future__ import annotations

import logging

from p0_access.encoding import encode
from p0_access.messages.job import Answer, Job
from p0_access.messages.mandates import MAX_NAMED, Notice, Review
from p0_access.messages.records import Admission
from p0_access.proof import jws
from p0_access.routing.decision import Denied, Emergency
from p0_access.routing.say import may_close
from p0_agent.core.acts import admission_of, check_signed_in, known, request_of, verified
from p0_agent.core.context import Context
from p0_agent.core.counting import asked_by
from p0_agent.core.standing import stands
from p0_agent.errors import RefusedError, Step, at
from p0_agent.notice import NoticeError
from p0_agent.postgres.entries import Entry

log = logging.getLogger("p0.agent")


def emergency_of(admission: Admission) -> Emergency | None:
    decision = admission.rules.decision
    return None if isinstance(decision, Denied) else decision.emergency


async def tell(entry: Entry, admission: Admission, context: Context) -> None:
    """Sends the notice of an emergency, once. What could not be told is refused, unless the configuration has it
    otherwise. Of a request that breaks no glass there is none."""
    emergency = emergency_of(admission)
    if emergency is None:
        return
    with at(Step.CEILING):
        if await context.cluster.reviews.get(entry.rh) is not None:
            return
    notice = _notice(entry, admission, emergency, context.now())
    signed = jws.sign(notice, context.key)
    try:
        await context.notices.send(notice.text, signed)
    except NoticeError as error:
        if context.notices.required:
            raise RefusedError(
                f"nobody could be told of this emergency: {error}",
                step=Step.CEILING,
                code=error.code,
                hint="The agent's configuration names the channel: [notice].",
            ) from error
        log.warning("%s breaks the glass, and nobody could be told: %s", entry.rid, error, extra={"code": error.code})
    with at(Step.CEILING):
        await context.cluster.reviews.noticed(entry.rh, context.now())
    await context.cluster.evidence.append("notice", signed, context.now())


async def review(job: Job, context: Context) -> Answer:
    """Somebody of those who were told has looked at an emergency, and signs that. The first review closes it."""
    if job.act is None:
        raise _refused("a review is signed", "act_missing")
    entry = await known(job.request, context, step=Step.APPROVALS)
    found = await verified(job.act, Review, context)
    admission = admission_of(entry, context)
    if (found.act.rh, found.act.ah) != (entry.rh, jws.record_hash(entry.admission or "")):
        raise _refused("this is a review of something else", "review_mismatch")
    check_signed_in(found.person)
    person = found.person.requestor
    emergency = emergency_of(admission)
    if emergency is None:
        raise _refused("this was no emergency", "no_review")
    if not may_close(emergency, person, requestor=asked_by(admission)):
        raise _refused("you are not among those who review this", "not_a_reviewer")
    with at(Step.APPROVALS):
        before = await context.cluster.reviews.get(entry.rh)
    if before is not None and before.record not in {None, found.compact}:
        raise _refused("it has been reviewed already", "already_reviewed")
    if before is not None and before.record is None:
        await context.cluster.evidence.append("review", found.compact, context.now())
    with at(Step.APPROVALS):
        await context.cluster.reviews.close(entry.rh, found.compact, encode(person).decode(), context.now())
    return await stands(entry, context)


def _notice(entry: Entry, admission: Admission, emergency: Emergency, now: int) -> Notice:
    decision = admission.rules.decision
    return Notice(
        rh=entry.rh,
        rid=entry.rid,
        database=entry.database,
        requestor=admission.subject.email or admission.subject.sub,
        reason=request_of(entry).reason,
        permissions=tuple(str(each) for each in admission.permissions[:MAX_NAMED]),
        rules=emergency.rules,
        notify=emergency.notify,
        ttl=0 if isinstance(decision, Denied) else decision.ttl,
        review_within=emergency.review_within,
        at=now,
    )


def _refused(message: str, code: str) -> RefusedError:
    return RefusedError(message, step=Step.APPROVALS, code=code)
