"""The last step of an approval, a denial or a review: a line for a comment, under a sentence that says who and what.

It opens by a key of its own and acts on Enter only, so that no single key and no click decides anything.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from p0_access.messages.records import MAX_REASON
from p0_tui.backend import Choice
from p0_tui.safe import EMPTY, safe
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput

Word = Choice | Literal["look"]
"""What is signed: a decision, or that an emergency was looked at."""

_PLACEHOLDERS: dict[Word, str] = {
    "approve": "Comment, if any. Enter signs and approves, Esc goes back",
    "deny": "Why not? Enter denies, Esc goes back",
    "look": "What did you find? Enter signs, Esc goes back",
}
_WITHOUT_COMMENT: dict[Word, str] = {
    "deny": "A denial needs a comment: say what would help.",
    "look": "A review says what was found.",
}


class DecisionBox(Vertical):
    DEFAULT_CSS = """
    DecisionBox {
        dock: bottom;
        height: auto;
        max-height: 16;
        display: none;
        border: heavy $warning;
        background: $surface;
        padding: 0 1;
        &.deny { border: heavy $error; }
        & > #decision-scroll { height: auto; max-height: 11; }
        & > #decision-problem { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Back", show=False)]

    class Decided(Message):
        """`hashes` are of what was on the screen when the box was opened."""

        def __init__(self, choice: Word, comment: str, hashes: tuple[str, ...]) -> None:
            super().__init__()
            self.choice: Word = choice
            self.comment = comment
            self.hashes = hashes

    class Cancelled(Message):
        """Esc: nothing is decided."""

    def __init__(self) -> None:
        super().__init__(id="decision")
        self._choice: Word = "approve"
        self._hashes: tuple[str, ...] = ()
        self._said: dict[tuple[Word, tuple[str, ...]], str] = {}

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="decision-scroll", can_focus=False):
            yield Prose(id="decision-what")
        yield SafeInput(limit=MAX_REASON, id="decision-comment")
        yield Prose(id="decision-problem")

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self, choice: Word, what: Content, hashes: tuple[str, ...]) -> None:
        self._choice = choice
        self._hashes = hashes
        self.set_class(choice == "deny", "deny")
        self.query_one("#decision-what", Prose).show(what)
        self.query_one("#decision-problem", Prose).show(EMPTY)
        comment = self.query_one(SafeInput)
        comment.value = self._said.get((choice, hashes), "")
        comment.placeholder = _PLACEHOLDERS[choice]
        self.display = True
        self.screen.set_focus(comment)

    def close(self) -> None:
        self.display = False

    def action_cancel(self) -> None:
        self.close()
        self.post_message(self.Cancelled())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        comment = event.value.strip()
        if self._choice in _WITHOUT_COMMENT and not comment:
            self.query_one("#decision-problem", Prose).show(safe(_WITHOUT_COMMENT[self._choice]))
            return
        self.close()
        self._said = {(self._choice, self._hashes): comment}  # asked for once more if it does not come to be signed
        self.post_message(self.Decided(self._choice, comment, self._hashes))
