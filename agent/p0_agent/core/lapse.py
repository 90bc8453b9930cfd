"""How long a request waits: for people, as long as the rules say; for its collection, until its own end."""

from __future__ import annotations

import logging

from p0_access.messages.records import Admission
from p0_agent.core.acts import admission_of, request_of
from p0_agent.core.context import Context
from p0_agent.errors import RefusedError, Step
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import PostgresError

log = logging.getLogger("p0.agent")


def still_waits(admission: Admission, now: int) -> None:
    """Nobody approves a request that has waited too long."""
    if admission.exp <= now:
        raise RefusedError(
            "the request has lapsed: nobody decided in time", step=Step.APPROVALS, code="lapsed", hint="Ask again."
        )


async def close_lapsed(context: Context) -> None:
    """Notes what has lapsed, so that nothing brings it back. Safe at any time: what has moved on is left alone."""
    for entry in await context.cluster.ledger.open():
        if _ends(entry, context) <= context.now():
            try:
                await context.cluster.ledger.close(entry.rh, "lapsed", context.now())
            except PostgresError as error:
                log.info("%s did not lapse: %s", entry.rid, error, extra={"code": error.code})


def _ends(entry: Entry, context: Context) -> int:
    if entry.stage == "admitted":
        return admission_of(entry, context).exp
    return request_of(entry).exp
