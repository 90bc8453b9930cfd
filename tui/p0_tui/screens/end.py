"""What is about to end, with a line for why: Enter there signs, Esc goes back."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input

from p0_access.messages.records import MAX_REASON
from p0_tui.safe import safe
from p0_tui.screens.question import QuestionScreen
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class EndScreen(QuestionScreen[str | None]):
    """Ends with the comment, which may be empty, or None."""

    def __init__(self, question: Content) -> None:
        super().__init__(question, classes="grave")

    def compose_answer(self) -> ComposeResult:
        yield SafeInput("Why, if you want to say it: it is recorded", limit=MAX_REASON, id="why")
        yield Prose(safe("Enter signs that it ends now   Esc back", "$foreground-muted"))

    def action_close(self) -> None:
        self.finish(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.finish(event.value.strip())
