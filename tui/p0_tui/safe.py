"""Text on its way to the screen. This is the only module that makes `Content` from strings.

Names, SQL, reasons, comments and the server's messages are written by others. Shown as they are they could run an
action on a click (Textual's markup), move the cursor or set the terminal's title (ESC, OSC), or show an approver a
text in another order than the machine reads it (bidi, zero-width). So nothing here parses markup, and every character
that is not seen is written out: `⟨U+202E⟩`.

Widgets take `Content` only: types check the one half of it, `tests/unit/tui/test_untrusted_text.py` the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual.content import Content

EMPTY = Content()

# Control, format, surrogate, line and paragraph separator characters (Cc, Cf, Cs, Zl, Zp), and what is drawn as nothing
# though it is a letter or a mark (Default_Ignorable_Code_Point). Tab and line feed are dealt with by the callers below.
_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad"
    "\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)


def visible(text: str) -> str:
    """`text` with every unseen character written out as its code point; tabs and line feeds stay."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(_code_point, text.replace("\r\n", "\n"))


def visible_line(text: str) -> str:
    """The same on one line: a line feed shows as `⏎`, a tab as `⇥`."""
    return visible(text).replace("\n", "⏎").replace("\t", "⇥")


def safe(text: object, style: str = "") -> Content:
    """`text` on one line, literally. `style` is ours, such as `bold $error`; it never comes from data."""
    return Content.styled(visible_line(str(text)), style)


def safe_lines(text: str, style: str = "") -> Content:
    """`text` over as many lines as it has, literally, tabs as four spaces."""
    return Content.styled(visible(text).replace("\t", "    "), style)


def joined(parts: Iterable[Content], separator: str = "") -> Content:
    """`parts` one after another."""
    return Content(separator).join(parts)


def stacked(lines: Iterable[Content]) -> Content:
    """`lines` one under another."""
    return Content("\n").join(lines)


def _code_point(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"
