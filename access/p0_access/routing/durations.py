"""Durations as people write them: `45s`, `30m`, `8h`, `2d`, `1w`. Nothing else, so that no unit is ever guessed."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])\Z", re.ASCII)


def parse_duration(text: str) -> int:
    """Seconds, at least 1; `ValueError` with a sentence for people when `text` is anything else."""
    found = _DURATION.match(text)
    if found is None:
        raise ValueError(f'"{text}" is not a duration; write a whole number and s, m, h, d or w, such as 30m')
    return int(found[1]) * _UNITS[found[2]]


def spell_duration(seconds: int) -> str:
    """The shortest exact spelling that `parse_duration` reads back: 1800 is `30m`, 5400 is `90m`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
