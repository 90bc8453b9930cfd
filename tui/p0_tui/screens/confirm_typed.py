"""A question that autopilot cannot answer: yes is typing a given word."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from p0_tui.safe import EMPTY, safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class ConfirmTypedScreen(Dialog[bool]):
    """Ends with True once `word` was typed and Enter pressed, False on Esc."""

    DEFAULT_CSS = """
    ConfirmTypedScreen VerticalScroll { height: auto; max-height: 50vh; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", show=False),
        Binding("pageup", "page(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Down", show=False),
    ]

    def __init__(self, question: Content, word: str) -> None:
        super().__init__(classes="danger")
        self._question = question
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll(can_focus=False):
                yield Prose(self._question)
            yield Prose(safe(f"Type {self._word} and Enter to sign; Esc goes back.", "bold"))
            yield SafeInput(id="typed")
            yield Prose(EMPTY, id="typed-problem", classes="problem")

    def action_close(self) -> None:
        self.finish(False)  # noqa: FBT003 - the dialog's one result

    def action_page(self, by: int) -> None:
        """The question, while what is typed goes to the input."""
        scroll = self.query_one(VerticalScroll)
        if by < 0:
            scroll.scroll_page_up(animate=False)
        else:
            scroll.scroll_page_down(animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == self._word:
            self.finish(True)  # noqa: FBT003 - the dialog's one result
        else:
            self.query_one("#typed-problem", Prose).show(safe("That is not it: nothing is signed."))
