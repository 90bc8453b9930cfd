"""The SQL editor: a TextArea coloured by PostgreSQL's own scanner, with a hook in the edit itself.

`on_text` runs inside the edit, before the frame is drawn, so the permissions beside it change in the same frame as the
text. Nothing unseen gets into the text: what is pasted is made visible in it, since this text is what will be signed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from p0_tui.highlight import Colour, Span, spans
from p0_tui.safe import visible

_COLOURS: dict[bool, dict[Colour, Style]] = {
    True: {
        "keyword": Style(color="#7aa2f7", bold=True),
        "string": Style(color="#9ece6a"),
        "number": Style(color="#ff9e64"),
        "comment": Style(color="#7f8aa8", italic=True),
        "parameter": Style(color="#bb9af7"),
    },
    False: {
        "keyword": Style(color="#1f4fa8", bold=True),
        "string": Style(color="#2f6b1f"),
        "number": Style(color="#9a4a00"),
        "comment": Style(color="#5c6470", italic=True),
        "parameter": Style(color="#6f3fb0"),
    },
}
_ERROR = Style(underline=True, bold=True, color="#f7768e")


class Editor(TextArea):
    DEFAULT_CSS = """
    Editor {
        border: none;
        padding: 0;
        height: 1fr;
        background: transparent;
        &:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "accept_suggestion", "Accept the nearest name", show=False),
    ]

    def __init__(self, on_text: Callable[[str], None], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        self._on_text: Callable[[str], None] | None = None
        self._spans: dict[int, list[Span]] = {}
        self._error: tuple[int, int] | None = None
        self._colouring = False
        super().__init__(
            id=id,
            theme="css",
            show_line_numbers=True,
            soft_wrap=True,
            tab_behavior="focus",
            highlight_cursor_line=False,
            placeholder="Paste or write SQL. ^J submits, F1 helps.",
        )
        self.indent_width = 2
        self.cursor_blink = False  # a blinking cursor is most of an idle terminal's work
        self._on_text = on_text

    def start_colouring(self) -> None:
        """From now on text is coloured. Called after the first paint, because it loads the scanner."""
        self._colouring = True
        self._recolour()

    def show_error(self, place: tuple[int, int] | None) -> None:
        """Marks the token at `place` (line and column from 0), or nothing."""
        if place != self._error:
            self._error = place
            self.notify_style_update()
            self.refresh()

    def edit(self, edit: Edit) -> EditResult:
        edit.text = visible(edit.text)
        result = super().edit(edit)
        self._changed()
        return result

    def undo(self) -> None:
        super().undo()
        self._changed()

    def redo(self) -> None:
        super().redo()
        self._changed()

    def load_text(self, text: str) -> None:
        super().load_text(visible(text))
        self._changed()

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        colours = _COLOURS[self.app.current_theme.dark]
        for start, end, colour in self._spans.get(line_index, ()):
            line.stylize(colours[colour], start, end)
        if self._error is not None and self._error[0] == line_index:
            start = min(self._error[1], max(0, len(line) - 1))
            line.stylize(_ERROR, start, _token_end(line.plain, start))
        return line

    def _changed(self) -> None:
        self._recolour()
        if self._on_text is not None:
            self._on_text(self.text)

    def _recolour(self) -> None:
        if self._colouring:
            self._spans = spans(self.text)
            self.notify_style_update()
            self.refresh()


def _token_end(line: str, start: int) -> int:
    end = start
    while end < len(line) and (line[end].isalnum() or line[end] in "_."):
        end += 1
    return max(end, start + 1)
