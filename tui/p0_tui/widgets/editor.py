"""The SQL editor: a TextArea coloured by PostgreSQL's own scanner, with a hook in the edit itself.

`on_text` runs inside the edit, before the frame is drawn, so the permissions beside it change in the same frame as the
text. Nothing unseen gets into the text: what is pasted is made visible in it, since this text is what will be signed.
What Tab, `^N` and Esc do to names that are offered is for the pane around it to say; Enter always begins a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from p0_tui.highlight import Colour, Span, spans
from p0_tui.safe import visible
from p0_tui.themes import PLAIN

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
_PLAIN: dict[Colour, Style] = {
    "keyword": Style(bold=True),
    "string": Style(underline=True),
    "number": Style(),
    "comment": Style(italic=True),
    "parameter": Style(),
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
        Binding("tab", "take", "Take the name that is offered", show=False),
        Binding("ctrl+n", "offer", "Offer names, or the next one", show=False),
        Binding("ctrl+at,ctrl+space", "offer", show=False),
    ]

    class Typed(Message):
        """A character was typed or removed: names may be offered."""

    class OfferWanted(Message):
        """Names are wanted, or the next of those that are offered."""

    class TakeWanted(Message):
        """Tab: the name that is offered, if one is; else the next pane."""

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

    async def _on_key(self, event: events.Key) -> None:
        """Messages follow the edit: names are offered for the text as it is then."""
        await super()._on_key(event)
        if event.is_printable:
            self.post_message(self.Typed())

    def action_take(self) -> None:
        self.post_message(self.TakeWanted())

    def action_offer(self) -> None:
        self.post_message(self.OfferWanted())

    def action_delete_left(self) -> None:
        super().action_delete_left()
        self.post_message(self.Typed())

    def replace_all(self, text: str) -> None:
        """Puts `text` in the place of everything, as one step that `^Z` takes back."""
        self.history.checkpoint()
        self.replace(text, (0, 0), self.document.end)
        self.history.checkpoint()

    @property
    def offset_of_cursor(self) -> int:
        """Characters before the cursor."""
        return self.offset_at(self.cursor_location)

    def offset_at(self, place: tuple[int, int]) -> int:
        """Characters before `place` (line and column from 0)."""
        line, column = place
        return sum(len(self.document.get_line(index)) + 1 for index in range(line)) + column

    def place_at(self, offset: int) -> tuple[int, int]:
        """Line and column, from 0, of the character at `offset`."""
        before = self.text[:offset]
        line = before.count("\n")
        return line, offset - (before.rfind("\n") + 1)

    @property
    def is_colouring(self) -> bool:
        """Whether the scanner is there."""
        return self._colouring

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
        theme = self.app.current_theme
        colours = _PLAIN if theme.name == PLAIN else _COLOURS[theme.dark]
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
