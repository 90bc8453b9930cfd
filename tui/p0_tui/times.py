"""What is left and how long ago, as people read it."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """What is left, as `41:12` or `1:04:09`; never below zero."""
    left = max(0, int(seconds))
    hours, rest = divmod(left, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes:02}:{secs:02}"


def ago(seconds: float) -> str:
    """How long something has been going on: `12s`, `3m`, `5h`, `2d`."""
    since = max(0, int(seconds))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if since >= size:
            return f"{since // size}{unit}"
    return f"{since}s"
