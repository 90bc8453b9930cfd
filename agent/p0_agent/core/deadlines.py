"""Accesses whose time has passed although the clock was set back: counted by a clock that nobody can set.

The ends in the ledger are times of day. A clock set forward ends accesses early, which is safe; one set back would make
them last longer. So an access ends, too, when as much time has passed since it was first seen as it had left then. A
restart forgets when that was; then `VALID UNTIL` and the clock are what there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from p0_access.messages.job import AgentReport
from p0_agent.core.context import Context
from p0_agent.core.ending import finish
from p0_agent.core.watch import report_of


class Deadlines:
    """`steady` gives seconds since any fixed moment, and never goes back."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._ends: dict[tuple[str, int], float] = {}

    async def look(self, context: Context) -> tuple[AgentReport, ...]:
        """Ends what the ledger's own times would still let live."""
        live = {(access.rh, access.not_after) for access in await context.cluster.ledger.accesses()}
        now, wall = self._steady(), context.clock()
        self._ends = {key: self._ends.get(key, now + key[1] - wall) for key in live}
        over = [rh for (rh, _), end in self._ends.items() if end <= now]
        return tuple(
            [
                await report_of(await finish(entry, "expired", context), context)
                for entry in await context.cluster.ledger.among(over)
            ]
        )
