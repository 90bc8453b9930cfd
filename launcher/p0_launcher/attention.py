"""Tells somebody who looks elsewhere that the wait is over: the terminal's bell, and OSC 9, which many terminals show
as a notice on the desktop. Only ever written to a terminal, and nothing of it is data.
"""

from __future__ import annotations

import sys
from typing import TextIO


def call(text: str, *, to: TextIO | None = None) -> None:
    """Rings, and shows `text` where the terminal can. On anything but a terminal it does nothing."""
    stream = sys.stderr if to is None else to
    if not stream.isatty():
        return
    stream.write(sequence(text))
    stream.flush()


def sequence(text: str) -> str:
    """What a terminal takes for it."""
    shown = "".join(each for each in text if each.isprintable())
    return f"\x1b]9;{shown}\x07\a"
