"""One line for the name of a file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from p0_tui.safe import safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class AskPathScreen(Dialog[Path | None]):
    """Ends with a path, `~` spelled out, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", show=False)]

    def __init__(self, question: Content, *, path: str = "") -> None:
        super().__init__(classes="list")
        self._question = question
        self._path = path

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose(self._question)
            yield SafeInput("a file's name", value=self._path, id="path")
            yield Prose(safe("Enter goes on   Esc back", "$foreground-muted"))

    def action_close(self) -> None:
        self.finish(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        self.finish(Path(name).expanduser() if name else None)
