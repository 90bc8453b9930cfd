"""Untrusted text on a terminal. Names, reasons, SQL and server messages may hold escape sequences that retitle the
window, move the cursor over what was printed, or turn the reading direction: they are made visible instead.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that print nothing of their own, or change how others print."""


def shown(text: str, *, lines: bool = True) -> str:
    """`text` with what a terminal would obey instead of print as `⟨U+202E⟩`. Tabs become spaces; newlines stay if
    `lines`, else become `⏎`."""
    return "".join(_shown(character, lines=lines) for character in text)


def line(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters, cut with an ellipsis."""
    flat = shown(" ".join(text.split()), lines=False)
    return flat if len(flat) <= width else flat[: max(width - 1, 0)] + "…"


def _shown(character: str, *, lines: bool) -> str:
    if character == "\n":
        return "\n" if lines else "⏎"
    if character == "\t":
        return "    "
    if unicodedata.category(character) in _HIDDEN:
        return f"⟨U+{ord(character):04X}⟩"
    return character
