"""`handle(job, context) -> result`: the whole agent. Jobs may come twice, late, or in any order.

A refusal is signed, goes into the evidence, and is the answer. What is only transient (`TransientError`) is raised: the
job stays undone, and its lease brings it back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import UNSET

from p0_access.messages.job import Answer, Job, JobKind, Result
from p0_access.messages.records import Refusal
from p0_access.proof import jws
from p0_agent.core.access import collect
from p0_agent.core.admission import admit
from p0_agent.core.approvals import approve
from p0_agent.core.context import Context
from p0_agent.core.emergency import review
from p0_agent.core.ending import end
from p0_agent.core.mandates import mandate, withdraw
from p0_agent.errors import RefusedError, Step
from p0_agent.postgres.errors import LedgerError

_HANDLERS: Final[dict[JobKind, Callable[[Job, Context], Awaitable[Answer]]]] = {
    "admit": admit,
    "approval": approve,
    "collect": collect,
    "end": end,
    "mandate": mandate,
    "withdraw": withdraw,
    "review": review,
}

_FINAL_STEPS: Final = frozenset({Step.CEILING, Step.PROVISION, Step.SEAL})
_FINAL_CODES: Final = frozenset({"changed", "lapsed", "window_closed"})
"""What closes the request itself; any other refusal is of that one act, and somebody may act again."""


async def handle(job: Job, context: Context) -> Result:
    """Never raises for what is in the job, however hostile; raises `TransientError` when it should come again."""
    try:
        answer = await _HANDLERS[job.kind](job, context)
    except RefusedError as error:
        answer = await _refused(job, error, context)
    return Result(
        job=job.job,
        lease=job.lease,
        head=await context.cluster.evidence.head(),
        **msgspec.structs.asdict(answer),
    )


async def _refused(job: Job, error: RefusedError, context: Context) -> Answer:
    rh = jws.record_hash(job.request.record)
    strong = any(demand.acr or demand.amr for demand in error.demands)  # that it takes any is what the code says
    refusal = Refusal(
        v=2 if strong else 1,
        rh=rh,
        at=context.now(),
        step=int(error.step),
        code=error.code,
        message=str(error),
        hint=error.hint,
        step_up=error.demands if strong else UNSET,
    )
    signed = jws.sign(refusal, context.key)
    closed = job.kind in {"admit", "mandate"} or error.step in _FINAL_STEPS or error.code in _FINAL_CODES
    if not closed or not await _close(rh, signed, context):
        await context.refusals.write(
            signed, step=error.step, code=error.code, evidence=context.cluster.evidence, now=context.now()
        )
    return Answer(
        outcome="refused", records=(signed,), code=error.code, message=str(error), hint=error.hint, closed=closed
    )


async def _close(rh: str, refusal: str, context: Context) -> bool:
    """False: the request was never claimed, or is further along."""
    try:
        await context.cluster.ledger.close(rh, "refused", context.now(), refusal=refusal)
    except LedgerError:
        return False
    return True
