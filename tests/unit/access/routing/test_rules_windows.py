"""Windows: days, hours over midnight, zones that change their clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from p0_access.routing.windows import MINUTES_A_DAY, Window, parse_days, parse_hours, spell_days


def window(days: str, hours: str | None = None, timezone: str = "UTC") -> Window:
    start, end = (0, MINUTES_A_DAY) if hours is None else parse_hours(hours)
    named = frozenset(day for run in days.split(",") for day in parse_days(run))
    return Window(days=named, start=start, end=end, timezone=timezone)


OFFICE = window("mon-fri", "09:00-18:00", "Europe/Budapest")
NIGHT = window("fri", "22:00-06:00")
WEEKEND = window("sat-sun")
ALWAYS = window("mon-sun")

# 2026-11-23 is a Monday; Budapest is at UTC+1 then, at UTC+2 until 2026-10-25 01:00 UTC.
OPEN = [
    (OFFICE, "2026-11-23T08:00:00+00:00", "2026-11-23T17:00:00+00:00"),
    (OFFICE, "2026-11-23T07:59:59+00:00", None),
    (OFFICE, "2026-11-23T16:59:59+00:00", "2026-11-23T17:00:00+00:00"),
    (OFFICE, "2026-11-23T17:00:00+00:00", None),
    (OFFICE, "2026-11-23T03:30:00-05:00", "2026-11-23T17:00:00+00:00"),
    (OFFICE, "2026-11-22T12:00:00+00:00", None),
    (OFFICE, "2026-07-01T07:00:00+00:00", "2026-07-01T16:00:00+00:00"),
    (NIGHT, "2026-11-27T23:00:00+00:00", "2026-11-28T06:00:00+00:00"),
    (NIGHT, "2026-11-28T05:59:00+00:00", "2026-11-28T06:00:00+00:00"),
    (NIGHT, "2026-11-27T05:00:00+00:00", None),
    (NIGHT, "2026-11-28T22:30:00+00:00", None),
    (WEEKEND, "2026-11-21T10:00:00+00:00", "2026-11-23T00:00:00+00:00"),
    (WEEKEND, "2026-11-23T00:00:00+00:00", None),
    # a night that lasts an hour longer, and one an hour shorter
    (window("sat", "22:00-06:00", "Europe/Budapest"), "2026-10-24T20:00:00+00:00", "2026-10-25T05:00:00+00:00"),
    (window("sat", "22:00-06:00", "Europe/Budapest"), "2026-03-28T21:00:00+00:00", "2026-03-29T04:00:00+00:00"),
]


@pytest.mark.parametrize(("given", "at", "until"), OPEN)
def test_when_a_window_closes(given: Window, at: str, until: str | None) -> None:
    expected = None if until is None else datetime.fromisoformat(until)
    assert given.open_until(datetime.fromisoformat(at)) == expected


def test_a_window_that_never_closes_lasts_longer_than_any_access() -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    until = ALWAYS.open_until(at)
    assert until is not None
    assert (until - at).days >= 7


def test_days() -> None:
    assert parse_days("mon") == (0,)
    assert parse_days("mon-fri") == (0, 1, 2, 3, 4)
    assert parse_days("sat-mon") == (5, 6, 0)
    assert spell_days(frozenset({0, 1, 2, 3, 4})) == "mon-fri"
    assert spell_days(frozenset({0, 2})) == "mon,wed"
    assert str(OFFICE) == "mon-fri 09:00-18:00 Europe/Budapest"
    assert str(WEEKEND) == "sat,sun UTC"


@pytest.mark.parametrize("text", ["", "Mon", "mon-", "-fri", "mon-fri-sun", "mon fri"])
def test_no_days(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day"):
        parse_days(text)


@pytest.mark.parametrize(
    "text", ["", "09:00", "24:00-06:00", "25:00-26:00", "09:00-00:00", "09:60-10:00", "9:00-10:00"]
)
def test_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span of hours"):
        parse_hours(text)
