"""A bordered pane with a title, a jump label and a line at its foot.

Focus shows in three ways, so that it shows without colours too: a heavy border, `▸` in the title, and the colour. The
one place that sets border titles, which Textual would read as markup if they were strings.
"""

from __future__ import annotations

from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from p0_tui.safe import EMPTY, joined, safe


class Pane(Vertical):
    DEFAULT_CSS = """
    Pane {
        border: round $panel-lighten-2;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        padding: 0 1 0 0;
        &:focus-within {
            border: heavy $primary;
            border-title-color: $text;
            border-title-style: bold;
        }
    }
    """

    ALLOW_MAXIMIZE = True

    def __init__(self, title: Content, *children: Widget, jump: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(*children, id=id)
        self._title = title
        self._jump = safe(f" [{jump}]") if jump else EMPTY
        self._foot = EMPTY
        self._within = False
        self._show_title()

    def set_title(self, title: Content) -> None:
        self._title = title
        self._show_title()

    def set_foot(self, foot: Content) -> None:
        """Drawing a pane draws all that is in it: not for a line that stands there already."""
        if not foot.is_same(self._foot):
            self._foot = foot
            self.border_subtitle = foot if foot.plain else None

    def on_descendant_focus(self, _: events.DescendantFocus) -> None:
        self._within = True
        self._show_title()

    def on_descendant_blur(self, _: events.DescendantBlur) -> None:
        self._within = False
        self._show_title()

    def _show_title(self) -> None:
        self.border_title = joined((safe("▸" if self._within else ""), self._title, self._jump))


def pane_of(widget: Widget) -> Pane | None:
    """The pane that `widget` is in."""
    return next((node for node in widget.ancestors_with_self if isinstance(node, Pane)), None)
