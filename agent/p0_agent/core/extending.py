"""An extension: a request of its own, routed and approved as any other, that makes the login of an earlier one last
longer. It gives no password and no permission.

Its time counts from the first start: a request for two hours makes it two hours in all, and every cap holds for all of
it, so that nobody extends past what they could have been given at once.
"""

from __future__ import annotations

from p0_access.messages.job import Answer
from p0_access.messages.mandates import Extension
from p0_access.messages.records import Credential, Request, Subject
from p0_access.proof import jws
from p0_agent.core.acts import admission_of, request_of
from p0_agent.core.context import Context
from p0_agent.core.counting import Allowed, granted
from p0_agent.errors import RefusedError, Step, at
from p0_agent.postgres.entries import Entry


async def check_extension(request: Request, subject: Subject, context: Context) -> None:
    """Before it is routed: what it extends is a live access of the same person, for exactly the same."""
    if request.break_glass:
        raise _refused("an emergency is an access of its own, not longer than the rules say", "extension_emergency")
    first = await _first(request, context)
    admission = admission_of(first, context)
    if (admission.subject.iss, admission.subject.sub) != (subject.iss, subject.sub):
        raise _refused("nobody extends somebody else's access", "extension_foreign")
    earlier = request_of(first)
    if (earlier.database, earlier.what) != (request.database, request.what):
        raise _refused("an extension is for exactly the same", "extension_differs")
    if earlier.ends_with_session(admission.permissions):
        raise _refused("an access for one use is not extended", "extension_one_shot")


async def lengthen(entry: Entry, allowed: Allowed, context: Context) -> Answer:
    """The approved request `entry` takes effect. Safe to repeat after a crash."""
    request = request_of(entry)
    first = await _first(request, context)
    holds = await granted(first, admission_of(first, context), context)
    if not set(holds.permissions) <= set(allowed.permissions):
        raise _refused("the login holds more than was approved now", "extension_narrower")
    end = _started(first, context) + min(allowed.ttl, context.ceiling.max_ttl)
    with at(Step.PROVISION):
        await context.cluster.extend(
            entry.rh,
            extends=first.rh,
            not_after=end if allowed.not_after is None else min(end, allowed.not_after),
            now=context.now(),
        )
    answer = await extended(entry, context)
    await context.cluster.evidence.append("extension", answer.records[-1], context.now())
    return answer


async def extended(entry: Entry, context: Context) -> Answer:
    """Until when the login lasts now that `entry` extended it, signed."""
    first = await _first(request_of(entry), context)
    record = Extension(
        rh=entry.rh, extends=first.rh, login=first.login or "", not_after=first.not_after or 0, at=context.now()
    )
    signed = tuple(each for each in (entry.admission, jws.sign(record, context.key)) if each is not None)
    return Answer(outcome="extended", records=signed, login=first.login, not_after=first.not_after)


async def _first(request: Request, context: Context) -> Entry:
    with at(Step.RULES):
        first = None if request.extends is None else await context.cluster.ledger.get(request.extends)
    if first is None:
        raise _refused("this agent does not know the access that is to be extended", "extension_unknown")
    if first.stage != "sealed":
        raise _refused("the access that is to be extended has ended", "extension_ended")
    return first


def _started(first: Entry, context: Context) -> int:
    """When the credential was sealed: the first start, to the second or two that it takes to make a login."""
    with at(Step.RULES):
        return jws.verify(first.credential or "", Credential, context.key.public).record.iat


def _refused(message: str, code: str) -> RefusedError:
    return RefusedError(message, step=Step.RULES, code=code, hint="Ask for a new access.")
