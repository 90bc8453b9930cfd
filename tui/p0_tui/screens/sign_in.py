"""The sign-in has expired: said over the draft, which is kept."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from p0_access.errors import P0Error
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose


class SignInScreen(Dialog[bool]):
    """Ends with True to try again, False to go on without."""

    DEFAULT_CSS = """
    SignInScreen {
        align: center middle;
        & > Vertical {
            width: 64;
            max-width: 96%;
            height: auto;
            border: heavy $warning;
            background: $surface;
            padding: 1 2;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer(True)", "Try again", show=False),
        Binding("escape", "answer(False)", "Later", show=False),
    ]

    def __init__(self, error: P0Error) -> None:
        super().__init__()
        self._error = error

    def compose(self) -> ComposeResult:
        lines = [
            safe("Sign in again", "bold"),
            EMPTY,
            safe(str(self._error)),
            safe(self._error.hint or "", MUTED),
            EMPTY,
            safe("Run p0 login in another terminal. Your draft is kept.", "bold"),
            EMPTY,
            safe("Enter tries again   Esc goes on without", MUTED),
        ]
        with Vertical():
            yield Prose(stacked(lines))

    def action_answer(self, again: bool) -> None:  # noqa: FBT001 - a binding's argument
        self.finish(again)
