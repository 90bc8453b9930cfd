"""Signed acts that came past the server: what a server may hold back, a revocation or a denial, has another way.

They are verified as any job is. Who can write into the inbox can do no more than a server that delivers.
"""

from __future__ import annotations

import logging
from typing import Final

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError
from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import AgentReport, HandedOver, Job, Result
from p0_access.messages.records import Deletion
from p0_access.proof import jws
from p0_agent.core.context import Context
from p0_agent.core.handle import handle
from p0_agent.errors import TransientError

log = logging.getLogger("p0.agent")

_NOT_NEEDED: Final = Identity(bind="", id_token="")
"""Of who asked: the ledger knows them, or the act is refused."""


async def empty(context: Context) -> tuple[AgentReport, ...]:
    """Answers all that waits. What ended by it is for the server to hear of. What is transient is tried again, and
    keeps nothing behind it waiting."""
    reports: list[AgentReport] = []
    last = 0
    while waiting := await context.cluster.inbox.waiting(after=last):
        for n, body in waiting:
            last = n
            try:
                result, ended = await _answer(n, body, context)
            except TransientError as error:
                log.warning("what was handed over waits: %s", error, extra={"code": error.code})
                continue
            reports += ended
            await context.cluster.inbox.answer(n, encode(result).decode(), context.now())
    return tuple(reports)


async def _answer(n: int, body: str, context: Context) -> tuple[Result, list[AgentReport]]:
    job = f"inbox-{n}"
    try:
        handed = decode(body, HandedOver)
        jws.record_hash(handed.request)
    except MalformedError as error:
        return Result(job=job, lease="inbox", outcome="refused", code=error.code, message=str(error)), []
    request = SignedAct(record=handed.request, identity=_NOT_NEEDED)
    result = await handle(Job(job=job, lease="inbox", kind=handed.kind, request=request, act=handed.act), context)
    return result, _reports(handed.request, result)


def _reports(request: str, result: Result) -> list[AgentReport]:
    receipts = tuple(record for record in result.records if jws.unverified_type(record) == Deletion.TYP)
    if result.outcome != "ended" or not receipts:
        return []
    return [AgentReport(rh=jws.record_hash(request), records=receipts, head=result.head)]
