"""Several lines of text that hold no unseen characters: as the one-line input, over more lines."""

from __future__ import annotations

from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from p0_tui.safe import visible


class SafeArea(TextArea):
    """Tab leads on; Enter begins a line."""

    DEFAULT_CSS = """
    SafeArea {
        border: none;
        padding: 0;
        height: 4;
        background: $boost;
        &:focus { border: none; }
    }
    """

    def __init__(self, text: str = "", *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(visible(text), id=id, theme="css", soft_wrap=False, tab_behavior="focus", compact=True)
        self.cursor_blink = False  # a blinking cursor is most of an idle terminal's work

    def edit(self, edit: Edit) -> EditResult:
        edit.text = visible(edit.text)
        return super().edit(edit)

    def load_text(self, text: str) -> None:
        super().load_text(visible(text))
