"""What is about to end, with a line for why: Enter there signs, Esc goes back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from p0_access.messages.records import MAX_REASON
from p0_tui.safe import safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class EndScreen(Dialog[str | None]):
    """Ends with the comment, which may be empty, or None. A long question scrolls while the comment is typed."""

    DEFAULT_CSS = """
    EndScreen VerticalScroll { height: auto; max-height: 50vh; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", show=False),
        Binding("pageup", "page(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Down", show=False),
    ]

    def __init__(self, question: Content) -> None:
        super().__init__(classes="grave")
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll(can_focus=False):
                yield Prose(self._question)
            yield SafeInput("Why, if you want to say it: it is recorded", limit=MAX_REASON, id="why")
            yield Prose(safe("Enter signs that it ends now   Esc back", "$foreground-muted"))

    def action_close(self) -> None:
        self.finish(None)

    def action_page(self, by: int) -> None:
        scroll = self.query_one(VerticalScroll)
        if by < 0:
            scroll.scroll_page_up(animate=False)
        else:
            scroll.scroll_page_down(animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.finish(event.value.strip())
