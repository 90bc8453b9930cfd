"""A question that autopilot cannot answer: yes is typing a given word."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input

from p0_tui.safe import EMPTY, safe
from p0_tui.screens.question import QuestionScreen
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class ConfirmTypedScreen(QuestionScreen[bool]):
    """Ends with True once `word` was typed and Enter pressed, False on Esc."""

    def __init__(self, question: Content, word: str) -> None:
        super().__init__(question, classes="danger")
        self._word = word

    def compose_answer(self) -> ComposeResult:
        yield Prose(safe(f"Type {self._word} and Enter to sign; Esc goes back.", "bold"))
        yield SafeInput(id="typed")
        yield Prose(EMPTY, id="typed-problem", classes="problem")

    def action_close(self) -> None:
        self.finish(False)  # noqa: FBT003 - the dialog's one result

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == self._word:
            self.finish(True)  # noqa: FBT003 - the dialog's one result
        else:
            self.query_one("#typed-problem", Prose).show(safe("That is not it: nothing is signed."))
