"""The names of a catalog that are nearest to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from p0_access.nearest import nearest

MAX_COMPARED: Final = 2_000
"""Of more names than these, only those with the same first letter are compared: typing must not wait."""

_MAX_SUGGESTED: Final = 3


def suggest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Up to three of `candidates`, nearest first. Only the last part of a dotted name is compared, without regard to
    case; of equally near ones those with the same first parts come first."""
    known = dict.fromkeys(candidates)
    prefix, _, wanted = name.casefold().rpartition(".")
    if len(known) > MAX_COMPARED:
        known = dict.fromkeys(each for each in known if _last(each)[:1].casefold() == wanted[:1])
        known = dict.fromkeys(list(known)[:MAX_COMPARED])
    by_last_part: dict[str, list[str]] = {}
    for each in known:
        by_last_part.setdefault(_last(each).casefold(), []).append(each)
    found = [
        each
        for key in nearest(wanted, by_last_part, _MAX_SUGGESTED)
        for each in sorted(by_last_part[key], key=lambda each: each.casefold().rpartition(".")[0] != prefix)
    ]
    return tuple(found[:_MAX_SUGGESTED])


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """A hint for people, if anything is near."""
    found = suggest(name, candidates)
    return f"Did you mean {' or '.join(found)}?" if found else None


def _last(name: str) -> str:
    return name.rpartition(".")[2]
