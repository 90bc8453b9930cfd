"""The nearest names to one that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

MAX_COMPARED: Final = 2_000
"""Of more names than these, only those with the same first letter are compared: typing must not wait."""

_MAX_SUGGESTED: Final = 3
_CUTOFF: Final = 0.6


def suggest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Up to three of `candidates`, the nearest first. Case does not count; `a.b` is also compared by its last part."""
    known = dict.fromkeys(candidates)
    if len(known) > MAX_COMPARED:
        wanted = _last(name)[:1].lower()
        known = dict.fromkeys(each for each in known if _last(each)[:1].lower() == wanted)
        known = dict.fromkeys(list(known)[:MAX_COMPARED])
    lowered: dict[str, list[str]] = {}
    for each in known:
        lowered.setdefault(each.lower() if "." in name else _last(each).lower(), []).append(each)
    nearest = difflib.get_close_matches(name.lower(), lowered, n=_MAX_SUGGESTED, cutoff=_CUTOFF)
    found = [each for key in nearest for each in lowered[key]]
    if not found and "." in name:
        return suggest(_last(name), known)
    return tuple(found[:_MAX_SUGGESTED])


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """A hint for people, if anything is near."""
    found = suggest(name, candidates)
    return f"Did you mean {' or '.join(found)}?" if found else None


def _last(name: str) -> str:
    return name.rpartition(".")[2]
