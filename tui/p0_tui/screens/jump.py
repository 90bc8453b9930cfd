"""`^O`: a line of labels; the next key goes to the mode or pane that carries it. Works from inside editors, too."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.content import Content

from p0_tui.safe import joined, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose

Target = tuple[str, str]
"""A key's character and the name of what it leads to."""


class JumpScreen(Dialog[str | None]):
    """Ends with the character of the target, or None."""

    DEFAULT_CSS = """
    JumpScreen {
        background: transparent;
        align: left bottom;
        & > Prose { width: 100%; height: auto; background: $accent; color: $text; padding: 0 1; }
    }
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__()
        self._targets = targets

    def compose(self) -> ComposeResult:
        yield Prose()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(Prose).show(stacked(self._lines(event.size.width - 2)))

    def _lines(self, width: int) -> list[Content]:
        """The labels on as few lines as they need, none of them broken."""
        lines = [safe("jump ")]
        for key, name in self._targets:
            label = joined((safe(f" {key} ", "bold reverse"), safe(f" {name}")))
            if lines[-1].cell_length + 2 + label.cell_length > width:
                lines.append(safe("     "))
            lines[-1] = joined((lines[-1], label), "  ")
        return lines

    def on_key(self, event: events.Key) -> None:
        event.stop()
        known = {key for key, _ in self._targets}
        self.finish(event.character if event.character in known else None)
