"""While the person signs in with their browser: the URL, and a way to give it up."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose


class BrowserScreen(Dialog[bool]):
    """Ends with True when the sign-in is over, False when it was given up."""

    DEFAULT_CSS = """
    BrowserScreen > Vertical { width: 84; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Give up", show=False),
        Binding("y", "copy", "Copy the URL", show=False),
    ]

    def __init__(self, url: str) -> None:
        super().__init__(classes="grave")
        self._url = url

    def compose(self) -> ComposeResult:
        lines = [
            safe("Sign in with your browser", "bold"),
            EMPTY,
            safe("It was opened. A step that needs it is signed only after that, and for that step alone."),
            safe("If nothing happened, open this URL on this machine:", MUTED),
            EMPTY,
            safe(self._url),
            EMPTY,
            safe("y copies the URL   Esc gives up: nothing is signed", MUTED),
        ]
        with Vertical():
            yield Prose(stacked(lines))

    def action_give_up(self) -> None:
        self.finish(False)  # noqa: FBT003 - the dialog's one result

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._url)
