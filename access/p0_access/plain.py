"""What somebody else wrote, as a part of a sentence of ours that a chat system or a mail reader shows."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_TEXT: Final = 300
"""Characters of whatever somebody else wrote."""

_STANDING_IN: Final = str.maketrans("<>", "\u2039\u203a")
_LINK: Final = re.compile(r"\]\s*(?=[(\[])")
_MENTION: Final = re.compile(r"(?<!\w)@(?=\w)")


def plain(text: str) -> str:
    """One line without control characters, nor those that turn the direction of what follows."""
    line = " ".join("".join(_visible(each) for each in text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def unmarked(text: str) -> str:
    """The same where it is not known who shows it: without mark-up that makes a link or calls people, in angle or
    square brackets or after an `@`."""
    return _MENTION.sub("\uff20", _LINK.sub("] ", plain(text).translate(_STANDING_IN)))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    return " " if category in {"Cc", "Zl", "Zp"} else "" if category in {"Cf", "Cs"} else character
