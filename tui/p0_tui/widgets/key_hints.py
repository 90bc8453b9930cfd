"""The bottom line: the keys that matter here. As many as fit, and always F1 and ^P."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from p0_tui.safe import joined, safe
from p0_tui.widgets.prose import Prose

Hint = tuple[str, str]
_ALWAYS: tuple[Hint, ...] = (("^P", "commands"), ("F1", "help"))


class KeyHints(Prose):
    DEFAULT_CSS = """
    KeyHints {
        height: 1;
        background: $panel;
        padding: 0 1;
        text-wrap: nowrap;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="hints")
        self._hints: Sequence[Hint] = ()

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
        self.show(
            joined(
                (joined((safe(key, "bold $text-accent"), safe(f" {word}"))) for key, word in (*kept, *_ALWAYS)), "  "
            )
        )


def _width(hints: Sequence[Hint]) -> int:
    return sum(len(key) + 1 + len(word) + 2 for key, word in hints) - 2
