"""How often one identity may call: a bucket of calls for each, which fills again with time.

Counted once a call is proven, so that nobody spends another's. It keeps one person's runaway script from being
everybody's trouble; it is no defence against a flood of calls that prove nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from p0_server.errors import TooManyCallsError

BURST: Final = 300
"""Calls at once."""

PER_SECOND: Final = 20.0
"""Calls for good."""

MAX_KNOWN: Final = 10_000


class RateCap:
    """Times are seconds of any clock. Who has not called for long is forgotten, and starts with a full bucket."""

    def __init__(self, *, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now: float) -> None:
        """Takes a call from the bucket of `who`; raises `TooManyCallsError` when it is empty."""
        left, at = self._left.pop(who, (float(self._burst), now))
        left = min(self._burst, left + max(0.0, now - at) * self._per_second)
        self._left[who] = (max(0.0, left - 1), now)
        if len(self._left) > MAX_KNOWN:
            self._left.popitem(last=False)
        if left < 1:
            raise TooManyCallsError(
                f"more than {self._per_second:g} calls a second", code="too_many_calls", hint="Wait a moment."
            )
