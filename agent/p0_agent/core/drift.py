"""The drift watchdog: what others changed about live accesses is put right or ends them, and is in the evidence."""

from __future__ import annotations

import logging

from p0_access.encoding import encode
from p0_access.messages.job import AgentReport
from p0_agent.core.context import Context
from p0_agent.core.ending import finish
from p0_agent.core.redefined import Redefinitions
from p0_agent.core.watch import report_of
from p0_agent.postgres.errors import PostgresError

log = logging.getLogger("p0.agent")


async def end_changed(context: Context, redefinitions: Redefinitions) -> tuple[AgentReport, ...]:
    """One look; safe at any time. Each change is logged, and an entry of kind `drift` in the evidence."""
    reports: list[AgentReport] = []
    over: set[str] = set()
    for drift in (*await context.cluster.drift(), *await redefinitions.look(context)):
        log.warning("%s: %s; %s", drift.login, drift.what, "put right" if drift.mended else "ending it")
        await context.cluster.evidence.append("drift", encode(drift).decode(), context.now())
        if not drift.mended:
            over.add(drift.rh)
    for rh in sorted(over):
        try:
            entry = await context.cluster.ledger.begin_end(rh, "changed", context.now())
            reports.append(await report_of(await finish(entry, "changed", context), context))
        except PostgresError as error:
            log.warning("could not end %s: %s", rh, error, extra={"code": error.code})
    return tuple(reports)
