"""The base of dialogs with something to type below a question: one that is longer than the screen scrolls meanwhile."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from p0_tui.screens.dialog import Dialog, ResultT
from p0_tui.widgets.prose import Prose


class QuestionScreen(Dialog[ResultT]):
    DEFAULT_CSS = """
    QuestionScreen VerticalScroll { height: auto; max-height: 58vh; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", show=False),
        Binding("pageup", "page(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Down", show=False),
    ]

    def __init__(self, question: Content, *, classes: str) -> None:
        super().__init__(classes=classes)
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll(can_focus=False):
                yield Prose(self._question)
            yield from self.compose_answer()

    @abstractmethod
    def compose_answer(self) -> ComposeResult:
        """What stands below the question."""

    @abstractmethod
    def action_close(self) -> None:
        """Ends as if nothing had been asked."""

    def action_page(self, by: int) -> None:
        """The question, while what is typed goes to the input."""
        scroll = self.query_one(VerticalScroll)
        if by < 0:
            scroll.scroll_page_up(animate=False)
        else:
            scroll.scroll_page_down(animate=False)
