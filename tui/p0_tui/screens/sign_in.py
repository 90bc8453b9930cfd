"""The sign-in has expired: said over the draft, which is kept."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from p0_access.errors import P0Error
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose

SignInAnswer = Literal["sign-in", "again", "later"]


class SignInScreen(Dialog[SignInAnswer]):
    """Ends with what to do: sign in here, try again after a `p0 login` elsewhere, or go on without."""

    DEFAULT_CSS = """
    SignInScreen > Vertical { width: 64; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer('sign-in')", "Sign in", show=False),
        Binding("r,R", "answer('again')", "Try again", show=False),
        Binding("escape", "answer('later')", "Later", show=False),
    ]

    def __init__(self, error: P0Error) -> None:
        super().__init__(classes="grave")
        self._error = error

    def compose(self) -> ComposeResult:
        lines = [
            safe("Sign in again", "bold"),
            EMPTY,
            safe(str(self._error)),
            safe(self._error.hint or "", MUTED),
            EMPTY,
            safe("Enter signs in with your browser. Your draft is kept.", "bold"),
            EMPTY,
            safe("R tries again, after p0 login elsewhere   Esc goes on without", MUTED),
        ]
        with Vertical():
            yield Prose(stacked(lines))

    def action_answer(self, answer: SignInAnswer) -> None:
        self.finish(answer)
