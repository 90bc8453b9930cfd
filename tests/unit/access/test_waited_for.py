"""For whom a pending request waits, in one line."""

from __future__ import annotations

import pytest

from p0_access.messages.job import Progress, waited_for

PRIVACY = Progress(rule="pii", count=1, by=(), who="privacy")
DBA = Progress(rule="writes", count=2, by=("pat",), who="dba", also="oncall-dba", also_at=900)


@pytest.mark.parametrize(
    ("progress", "now", "told"),
    [
        ((PRIVACY,), 0, "privacy 0/1"),
        ((PRIVACY, DBA), 899, "privacy 0/1 and dba 1/2"),
        ((DBA,), 900, "dba or oncall-dba 1/2"),
        ((Progress(rule="of an older agent", count=1, by=()),), 0, "of an older agent 0/1"),
        ((), 0, ""),
    ],
)
def test_who_and_how_many_have_signed(progress: tuple[Progress, ...], now: int, told: str) -> None:
    assert waited_for(progress, now) == told


def test_many_names_leave_room_for_the_count() -> None:
    many = Progress(rule="r", count=2, by=(), who=", ".join(f"group{number}" for number in range(40)))
    told = waited_for((many,), 0)
    assert told.startswith("group0, group1")
    assert told.endswith("… 0/2")
    assert len(told) < 70
