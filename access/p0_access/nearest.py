"""The names that somebody may have meant by one that there is not. What is made of them is each caller's to word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

CUTOFF: Final = 0.6


def nearest(name: str, known: Iterable[str], most: int = 1) -> tuple[str, ...]:
    """Up to `most` of `known`, the nearest first. Case does not matter."""
    import difflib  # here: the way to psql doesn't wait for it

    by_case = {each.casefold(): each for each in known}
    return tuple(by_case[each] for each in difflib.get_close_matches(name.casefold(), by_case, n=most, cutoff=CUTOFF))
