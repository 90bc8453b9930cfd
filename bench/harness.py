"""Rounds, medians and a table: all that the modules of this package share.

A round is one call. A figure says little by itself, so every row is also told as a multiple of the table's baseline,
which is measured in the same run on the same machine.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

WARM_UP: Final = 3
"""Rounds that are not counted."""

ROUNDS: Final = 50

HEADER: Final = ("", "rounds", "median", "p95", "ratio", "")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds, if `unit` names nothing else. `limit` is what the median may be."""

    name: str
    rounds: int
    median: float
    p95: float
    limit: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.limit is None or self.median <= self.limit


class Table:
    """Rows in the order in which they are measured; the first one that is marked so is the baseline."""

    def __init__(self, title: str) -> None:
        self.title: Final = title
        self.rows: Final[list[Row]] = []
        self.facts: Final[list[str]] = []
        self._baseline: Row | None = None

    def time(
        self,
        name: str,
        action: Callable[[], object],
        *,
        rounds: int = ROUNDS,
        limit: float | None = None,
        baseline: bool = False,
    ) -> Row:
        """Measures `action`, one call a round."""
        for _ in range(WARM_UP):
            action()
        gc.collect()
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
        return self.add(name, taken, limit=limit, baseline=baseline)

    async def time_async(
        self,
        name: str,
        action: Callable[[], Awaitable[object]],
        *,
        rounds: int = ROUNDS,
        limit: float | None = None,
        baseline: bool = False,
    ) -> Row:
        """Measures `action`, awaited once a round."""
        for _ in range(WARM_UP):
            await action()
        gc.collect()
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            await action()
            taken.append(time.perf_counter() - start)
        return self.add(name, taken, limit=limit, baseline=baseline)

    def add(self, name: str, taken: list[float], *, limit: float | None = None, baseline: bool = False) -> Row:
        """A row of times, in seconds, that were taken elsewhere."""
        row = Row(name=name, rounds=len(taken), median=statistics.median(taken), p95=_p95(taken), limit=limit)
        self.rows.append(row)
        if baseline:
            self._baseline = row
        return row

    def measure(self, name: str, value: float, *, unit: str, limit: float | None = None) -> Row:
        """A row of one figure that is no time, such as memory."""
        row = Row(name=name, rounds=1, median=value, p95=value, limit=limit, unit=unit)
        self.rows.append(row)
        return row

    def tell(self, fact: str) -> None:
        """Something that is no time; it stands below the rows."""
        self.facts.append(fact)

    def __str__(self) -> str:
        if not self.rows:
            return "\n".join((self.title, *(f"  {fact}" for fact in self.facts)))
        lines = [HEADER, *(self._cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
        body = ("  ".join((line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:]))).rstrip() for line in lines)
        return "\n".join((self.title, *(f"  {line}" for line in (*body, *self.facts))))

    def _cells(self, row: Row) -> tuple[str, ...]:
        ratio = "baseline" if row is self._baseline else ""
        if self._baseline is not None and not ratio and not row.unit:
            ratio = f"{row.median / self._baseline.median:.3g} x"
        limit = "" if row.limit is None else f"{'within' if row.holds else 'ABOVE'} {spell(row.limit, row.unit)}"
        return (row.name, str(row.rounds), spell(row.median, row.unit), spell(row.p95, row.unit), ratio, limit)


def spell(seconds: float, unit: str = "") -> str:
    """Three digits: `1.23 ms`, or in a unit of its own."""
    if unit:
        return f"{seconds:.3g} {unit}"
    for name, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds / 1e-9:.3g} ns"


def _p95(taken: list[float]) -> float:
    return sorted(taken)[min(len(taken) - 1, round(0.95 * len(taken)))]
