"""A list of lines with a cursor, drawn on demand: the base of the catalog and of every list of requests.

Only the lines on the screen are made, so a list of 100,000 costs what a list of 30 does. Moves like vim: `j k`, `g G`,
page keys; a click moves the cursor and never acts, Enter (or a second click on the line) does.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from p0_tui.safe import EMPTY


class LineView(ScrollView, can_focus=True):
    DEFAULT_CSS = """
    LineView {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .line--cursor { background: $surface-lighten-2; }
        &:focus > .line--cursor { background: $primary-muted; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("home,g", "to_end(-1)", "First", show=False),
        Binding("end,G", "to_end(1)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    cursor: var[int] = var(0, init=False)

    class Moved(Message):
        """The cursor stands on another line, or the line under it is another."""

        def __init__(self, view: LineView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> LineView:
            return self.view

    class Chosen(Moved):
        """Enter, or a click on the line that the cursor is on."""

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line(self, index: int, width: int) -> Content:
        """One line, to be cut at `width` cells."""
        raise NotImplementedError

    def placeholder(self) -> Content:
        """What an empty list says; it should tell what to do."""
        return EMPTY

    def lines_changed(self) -> None:
        """To be called whenever `line_count` or a line's content may be another."""
        count = self.line_count()
        self.virtual_size = Size(self.size.width, count)
        self.set_reactive(LineView.cursor, max(0, min(self.cursor, count - 1)))
        self.refresh()

    def line_at(self, y: int) -> int:
        """The index of the line at row `y` of the widget's content."""
        return int(self.scroll_offset.y) + y

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        index = self.line_at(y)
        count = self.line_count()
        style = self.visual_style
        if index >= count:
            wrapped = self.placeholder().wrap(width) if count == 0 else []
            content = wrapped[y] if y < len(wrapped) else EMPTY
        else:
            content = self.line(index, width)
            if index == self.cursor:
                style = self.get_visual_style("line--cursor")
        content = content.truncate(width, ellipsis=True, pad=True)
        return Strip(content.render_segments(style), width)

    def watch_cursor(self, before: int, now: int) -> None:
        self.refresh_line(before - int(self.scroll_offset.y))
        self.refresh_line(now - int(self.scroll_offset.y))
        self.scroll_to_region(Region(0, now, 1, 1), animate=False, force=True)
        if before != now:
            self.post_message(self.Moved(self))

    def refresh_line(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self, _: events.Resize) -> None:
        self.lines_changed()

    def on_click(self, event: events.Click) -> None:
        index = self.line_at(int(event.get_content_offset_capture(self).y))
        if index >= self.line_count():
            return
        if index == self.cursor:
            self.post_message(self.Chosen(self))
        else:
            self.cursor = index

    def action_move(self, by: int) -> None:
        self.cursor = max(0, min(self.cursor + by, self.line_count() - 1))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_to_end(self, by: int) -> None:
        self.action_move(by * self.line_count())

    def action_choose(self) -> None:
        if self.cursor < self.line_count():
            self.post_message(self.Chosen(self))
