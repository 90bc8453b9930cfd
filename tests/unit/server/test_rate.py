"""How often one identity may call."""

from __future__ import annotations

import contextlib

import pytest

from p0_server.errors import TooManyCallsError
from p0_server.rate import RateCap


def calls(cap: RateCap, who: str, now: float, *, tried: int = 20) -> int:
    """How many of `tried` calls get through."""
    through = 0
    for _ in range(tried):
        with contextlib.suppress(TooManyCallsError):
            cap.take(who, now)
            through += 1
    return through


def test_a_burst_goes_through_and_then_as_many_as_time_gives() -> None:
    cap = RateCap(burst=5, per_second=2)
    assert calls(cap, "dana", 100.0) == 5
    assert calls(cap, "dana", 101.0) == 2
    assert calls(cap, "dana", 101.4) == 0
    assert calls(cap, "dana", 1000.0) == 5


def test_nobody_spends_anothers() -> None:
    cap = RateCap(burst=5, per_second=2)
    assert calls(cap, "dana", 100.0) == 5
    assert calls(cap, "pat", 100.0) == 5


def test_a_clock_that_goes_back_gives_nothing() -> None:
    cap = RateCap(burst=5, per_second=2)
    assert calls(cap, "dana", 100.0) == 5
    assert calls(cap, "dana", 50.0) == 0


def test_the_error_says_what_to_do() -> None:
    cap = RateCap(burst=1, per_second=1)
    cap.take("dana", 1.0)
    with pytest.raises(TooManyCallsError) as caught:
        cap.take("dana", 1.0)
    assert (caught.value.status, caught.value.code, caught.value.hint) == (429, "too_many_calls", "Wait a moment.")
