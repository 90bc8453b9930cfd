"""The end of an access, whoever asks for it: everything undone, verified to be undone, and a signed receipt."""

from __future__ import annotations

from p0_access.messages.job import Answer, Job
from p0_access.messages.records import Admission, Cause, Deletion, DroppedSet, End, Request
from p0_access.proof import jws
from p0_access.routing.decision import Denied, Requestor
from p0_access.routing.say import Absent, may_close, may_review, may_revoke
from p0_agent.core.acts import admission_of, known, verified
from p0_agent.core.context import Context
from p0_agent.core.counting import asked_by
from p0_agent.core.mandates import stood_in_for
from p0_agent.core.standing import stands
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.ending import Ended
from p0_agent.postgres.entries import LIVE, OPEN, Entry
from p0_agent.postgres.errors import EndIncompleteError, LedgerError, PostgresError
from p0_agent.verification.acts import VerifiedAct


async def end(job: Job, context: Context) -> Answer:
    """A cancellation, a return or a revocation. Without a signed act it is the server's own, which is obeyed, since it
    only reduces access, and goes down in the evidence as the server's."""
    entry = await _entry(job, context)
    cause: Cause = "revoked"
    if job.act is None:
        await _write("server-end", entry.rh, entry, context)
    else:
        found = await verified(job.act, End, context)
        in_place_of = await stood_in_for(found.person.requestor, context)
        cause = _allowed(found, entry, context, in_place_of)
        await _write("end", found.compact, entry, context)
    if entry.stage in OPEN:
        entry = await _cancelled(entry, context)
    if entry.stage in LIVE:
        entry = await finish(entry, cause, context)
    return await stands(entry, context)


async def _write(kind: str, body: str, entry: Entry, context: Context) -> None:
    """Into the evidence. Where that cannot be written, whoever has the access is out all the same, and the job comes
    again."""
    if entry.stage not in (*OPEN, *LIVE):
        return
    try:
        await context.cluster.evidence.append(kind, body, context.now())
    except PostgresError as error:
        if entry.stage in LIVE:
            await context.cluster.shut_out(entry, because=error)
        raise


async def finish(entry: Entry, cause: Cause, context: Context) -> Entry:
    """Ends a live access. Safe to repeat: an end that was begun keeps its cause, and is gone on with where it was."""
    try:
        entry = await context.cluster.ledger.begin_end(entry.rh, cause, context.now())
    except PostgresError as error:
        await context.cluster.shut_out(entry, because=error)
        raise
    if entry.stage == "ended":
        return entry
    return await receipt(entry, await context.cluster.end(entry), context)


async def receipt(entry: Entry, ended: Ended, context: Context) -> Entry:
    """The signed receipt for an access of which nothing is left; while something is, there is none."""
    if ended.residue:
        raise EndIncompleteError(f"left of {ended.login}: {', '.join(ended.residue)}", code="residue")
    deletion = Deletion(
        rh=entry.rh,
        login=ended.login,
        set=DroppedSet(name=ended.set_role, dropped=ended.set_dropped),
        at=context.now(),
        cause=entry.cause or "failed",
        residue=ended.residue,
    )
    signed = jws.sign(deletion, context.key)
    try:
        return await context.cluster.ledger.end(entry.rh, signed, context.now())
    except LedgerError:
        done = await context.cluster.ledger.get(entry.rh)
        if done is not None and done.stage == "ended":
            return done  # a job and the clock ended it at the same moment; the first receipt stands
        raise


async def _cancelled(entry: Entry, context: Context) -> Entry:
    """Closed before it began; or where it is by now, if another job brought it further meanwhile."""
    for _ in range(len(OPEN)):
        try:
            return await context.cluster.ledger.close(entry.rh, "cancelled", context.now())
        except LedgerError:
            entry = await context.cluster.ledger.get(entry.rh) or entry
            if entry.stage not in OPEN:
                break
    return entry


async def _entry(job: Job, context: Context) -> Entry:
    """The request's row. An end that overtakes its request leaves one behind, so that the request finds it is over."""
    entry = await context.cluster.ledger.get(jws.record_hash(job.request.record))
    if entry is not None or job.act is None:
        return entry or await known(job.request, context, step=Step.CLAIM)
    request = await verified(job.request, Request, context)
    with at(Step.CLAIM):
        return await context.cluster.ledger.claim(
            rh=request.hash,
            rid=request.act.rid,
            database=request.act.database,
            request=request.compact,
            now=context.now(),
        )


def _allowed(found: VerifiedAct[End], entry: Entry, context: Context, in_place_of: tuple[Absent, ...]) -> Cause:
    """Who asked may end it, whoever could have approved it or has to review it, and who may end any."""
    if found.act.rh != entry.rh:
        raise RefusedError("this ends another request", step=Step.APPROVALS, code="end_mismatch")
    person = found.person.requestor
    own = jws.unverified_record(entry.request, Request).idh == found.act.idh
    if entry.admission is not None:
        admission = admission_of(entry, context)
        own = (admission.subject.iss, admission.subject.sub) == (person.iss, person.sub)
        if not own and not _may_end(admission, person, context, in_place_of):
            raise RefusedError("only who asked, or could approve, can end it", step=Step.APPROVALS, code="not_allowed")
    elif not own:
        raise RefusedError("only who asked can take it back", step=Step.APPROVALS, code="not_allowed")
    return "relinquished" if own and found.act.act != "revoke" else "revoked"


def _may_end(admission: Admission, person: Requestor, context: Context, in_place_of: tuple[Absent, ...]) -> bool:
    decision, asker = admission.rules.decision, asked_by(admission)
    after = max(context.now() - admission.iat, 0)
    emergency = None if isinstance(decision, Denied) else decision.emergency
    return (
        may_review(decision, person, requestor=asker, after=after, in_place_of=in_place_of)
        or (emergency is not None and may_close(emergency, person, requestor=asker))
        or may_revoke(context.rules.defaults.revoke, person, requestor=asker)
    )
