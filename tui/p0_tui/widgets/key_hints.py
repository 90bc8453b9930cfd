"""The bottom line: the keys that matter here. As many as fit, and always F1 and ^P. A click is the key's press."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual import events
from textual.message import Message

from p0_tui.safe import joined, safe
from p0_tui.widgets.prose import Prose

Hint = tuple[str, str]
_ALWAYS: tuple[Hint, ...] = (("^P", "commands"), ("F1", "help"))
_NAMES: Final = {"/": "slash"}
_GAP: Final = 2


class KeyHints(Prose):
    DEFAULT_CSS = """
    KeyHints {
        height: 1;
        background: $panel;
        padding: 0 1;
        text-wrap: nowrap;
    }
    """

    class Picked(Message):
        """`key`, by Textual's name for it, is as good as pressed."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(id="hints")
        self._hints: Sequence[Hint] = ()
        self._shown: Sequence[Hint] = ()

    def show_hints(self, hints: Sequence[Hint]) -> None:
        self._hints = hints
        self._fit()

    def on_resize(self, _: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        room = (self.size.width or self.app.size.width) - 2
        kept = list(self._hints)
        while kept and _width((*kept, *_ALWAYS)) > room:
            kept.pop()
        self._shown = (*kept, *_ALWAYS)
        hints = (joined((safe(key, "bold $text-accent"), safe(f" {word}"))) for key, word in self._shown)
        self.show(joined(hints, " " * _GAP))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        start = 0
        for hint in self._shown:
            end = start + _width((hint,))
            if start <= at.x < end:
                self.post_message(self.Picked(_key_name(hint[0])))
            start = end + _GAP


def _key_name(shown: str) -> str:
    """Of two presses, the first: what asks for a second one asks for it of a mouse, too."""
    first = shown.split(maxsplit=1)[0]
    if first.startswith("^"):
        return f"ctrl+{first[1:].lower()}"
    return _NAMES.get(first, first.lower() if len(first) > 1 else first)


def _width(hints: Sequence[Hint]) -> int:
    return sum(len(key) + 1 + len(word) + _GAP for key, word in hints) - _GAP
