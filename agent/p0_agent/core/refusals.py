"""Which refusals are in the evidence one by one, and which are only counted there.

Anybody who reaches the server can make an agent refuse things, as fast as it can read them, and the evidence never
shrinks. So in each minute so many are written as they were signed, and of the rest how many there were, by code. What
closes a request that the agent had taken on is written by the ledger's own step, whatever happens here. A restart
forgets the count of that minute.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from p0_access.encoding import encode
from p0_agent.errors import Step
from p0_agent.postgres.evidence import Evidence

SECONDS: Final = 60
UNPROVEN: Final = 30
"""Of acts that nobody is known to have signed."""

PROVEN: Final = 120
"""Of acts of known people. Each kind has its own share, so that junk hides nothing."""

LEFT_OUT: Final = "refusals"
"""The kind of the entry that counts."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many refusals from `since` on were not written, by their codes."""

    v: int = 1
    since: int
    until: int
    codes: dict[str, int]


class Refusals:
    def __init__(self) -> None:
        self._since = 0
        self._written: Counter[bool] = Counter()
        self._left_out: Counter[str] = Counter()

    async def write(self, signed: str, *, step: Step, code: str, evidence: Evidence, now: int) -> None:
        """Writes this refusal, or counts it."""
        await self.tell(evidence, now)
        proven = step > Step.SIGNATURE
        if self._written[proven] >= (PROVEN if proven else UNPROVEN):
            self._left_out[code] += 1
            return
        self._written[proven] += 1
        await evidence.append("refusal", signed, now)

    async def tell(self, evidence: Evidence, now: int) -> None:
        """Begins a new minute when it is time to, and writes what the last one left out."""
        if 0 <= now - self._since < SECONDS:
            return
        left_out, since = dict(sorted(self._left_out.items())), self._since
        self._since = now
        self._written.clear()
        self._left_out.clear()
        if left_out:
            told = LeftOut(since=since, until=now, codes=left_out)
            await evidence.append(LEFT_OUT, encode(told).decode(), now)
