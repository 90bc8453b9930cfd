"""Where a request stands, by the ledger alone: the answer to a job that comes twice, late, or out of order."""

from __future__ import annotations

from typing import Final

from p0_access.messages.job import Answer, Outcome
from p0_agent.core.context import Context
from p0_agent.core.counting import progress
from p0_agent.core.extending import extended
from p0_agent.postgres.entries import Entry, Stage

_OUTCOMES: Final[dict[Stage, Outcome]] = {
    "claimed": "pending",
    "admitted": "pending",
    "approved": "approved",
    "provisioned": "approved",
    "sealed": "active",
    "ending": "ended",
    "ended": "ended",
    "refused": "refused",
    "denied": "denied",
    "cancelled": "cancelled",
    "lapsed": "lapsed",
    "needs_changes": "needs_changes",
    "extended": "extended",
}


async def stands(entry: Entry, context: Context) -> Answer:
    """All the agent ever signed about it, and what that amounts to."""
    if entry.stage == "extended":
        return await extended(entry, context)
    signed = (entry.admission, entry.refusal, entry.credential, entry.deletion)
    return Answer(
        outcome=_OUTCOMES[entry.stage],
        records=tuple(record for record in signed if record is not None),
        progress=await progress(entry, context),
        login=entry.login,
        not_after=entry.not_after,
    )
