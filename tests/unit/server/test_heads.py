"""An agent's evidence only ever grows; what overtakes on the way is no alarm."""

from __future__ import annotations

from p0_access.messages.records import LogHead
from p0_server.heads import OVERTAKING_SECONDS, Heads

NOW = 1_800_000_000
LATER = NOW + OVERTAKING_SECONDS


def head(n: int, letter: str = "h") -> LogHead:
    return LogHead(n=n, h=letter * 43)


def test_a_log_that_grows_is_fine_however_its_heads_arrive() -> None:
    heads = Heads({}, NOW)
    arriving = [(1, NOW), (3, NOW), (2, NOW), (3, LATER), (3, LATER), (7, LATER), (5, LATER + 1)]
    assert [heads.heard("a", head(n), at) for n, at in arriving] == [None] * len(arriving)


def test_a_log_that_goes_back_is_told_once() -> None:
    heads = Heads({}, NOW)
    heads.heard("a", head(9), NOW)
    assert heads.heard("a", head(4), LATER) == "went back from entry 9 to 4"
    assert heads.heard("a", head(4), LATER) is None
    assert heads.heard("a", head(5), LATER) is None
    assert heads.heard("b", head(1), LATER) is None


def test_another_entry_in_the_same_place_is_told_at_once() -> None:
    heads = Heads({}, NOW)
    heads.heard("a", head(9), NOW)
    assert heads.heard("a", head(9, "x"), NOW) == "has another entry 9 than the one that it had before"


def test_what_was_heard_before_a_restart_counts() -> None:
    assert Heads({"a": head(9)}, NOW).heard("a", head(8), NOW) == "went back from entry 9 to 8"
