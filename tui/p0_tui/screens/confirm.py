"""A question that needs a yes: Enter is yes, Esc is no, and the question says what yes does. A long one scrolls above
what the keys do, so that all that is agreed to can be read."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose


class ConfirmScreen(Dialog[bool]):
    DEFAULT_CSS = """
    ConfirmScreen {
        & > Vertical { width: 64; max-width: 90%; max-height: 80%; }
        & VerticalScroll { height: auto; max-height: 45vh; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer(True)", "Yes", show=False),
        Binding("escape", "answer(False)", "No", show=False),
    ]

    def __init__(self, question: Content, yes: str) -> None:
        super().__init__(classes="grave")
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll():
                yield Prose(self._question)
            yield Prose(stacked((EMPTY, safe(f"Enter {self._yes}   Esc back", "$foreground-muted"))))

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - a binding's argument
        self.finish(yes)
