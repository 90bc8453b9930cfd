"""Windows of time: on which days, between which hours, in which time zone a rule holds. Pure: the instant is given.

A window that ends at or before its start (`22:00-06:00`) runs into the next day and belongs to the day it starts on.
Hours are wall-clock time of the zone, so a window is an hour longer or shorter on the day its zone changes the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY: Final = 24 * 60

_HOURS: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])\Z", re.ASCII)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """`days` counts from Monday, 0; `start` and `end` are minutes after midnight, `end` at most 24:00."""

    days: frozenset[int]
    start: int
    end: int
    timezone: str

    def open_until(self, at: datetime) -> datetime | None:
        """When the window that `at` falls into closes, or None outside of every window.

        Windows that touch are one. One that never closes is given as a week: no access is longer.
        """
        until: datetime | None = None
        for opens, closes in self._spans(at):
            if opens <= (at if until is None else until) < closes:
                until = closes
        return until

    def _spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        zone = ZoneInfo(self.timezone)
        today = at.astimezone(zone).date()
        end = self.end if self.end > self.start else self.end + MINUTES_A_DAY
        for offset in range(-1, 8):
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                yield _instant(day, self.start, zone), _instant(day, end, zone)

    def __str__(self) -> str:
        hours = "" if (self.start, self.end) == (0, MINUTES_A_DAY) else f" {_clock(self.start)}-{_clock(self.end)}"
        return f"{spell_days(self.days)}{hours} {self.timezone}"


def parse_days(text: str) -> tuple[int, ...]:
    """`mon`, or `mon-fri`, which may run over the end of the week; `ValueError` otherwise."""
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f'"{text}" is not a day; write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri')
    start = DAYS.index(first)
    length = (DAYS.index(last) - start) % 7 if dash else 0
    return tuple((start + offset) % 7 for offset in range(length + 1))


def parse_hours(text: str) -> tuple[int, int]:
    """`09:00-18:00` as minutes after midnight; `ValueError` otherwise."""
    found = _HOURS.match(text)
    start, end = (0, 0) if found is None else (_minutes(found[1], found[2]), _minutes(found[3], found[4]))
    if found is None or start >= MINUTES_A_DAY or end > MINUTES_A_DAY or start == end or end == 0:
        raise ValueError(f'"{text}" is not a span of hours; write 09:00-18:00, at most until 24:00')
    return start, end


def spell_days(days: frozenset[int]) -> str:
    """`mon-fri` for a run of three or more, else the names one by one."""
    ordered = sorted(days)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{DAYS[ordered[0]]}-{DAYS[ordered[-1]]}"
    return ",".join(DAYS[day] for day in ordered)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """A wall-clock time as an instant; one that the clock skips or repeats is read with the offset before it."""
    days, rest = divmod(minutes, MINUTES_A_DAY)
    local = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), tzinfo=zone)
    return local.astimezone(UTC)


def _minutes(hours: str, minutes: str) -> int:
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
