"""The drafts that were submitted or put aside, newest first, filtered as one types; Enter takes one back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from p0_tui.backend import Draft
from p0_tui.paint import MUTED, columns, sql
from p0_tui.safe import EMPTY, safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class DraftList(LineView):
    def __init__(self, drafts: Sequence[Draft]) -> None:
        super().__init__()
        self._all = self._shown = tuple(drafts)

    @property
    def chosen(self) -> Draft | None:
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    def filter(self, text: str) -> None:
        words = text.casefold().split()
        self._shown = tuple(item for item in self._all if all(word in _haystack(item) for word in words))
        self.lines_changed()
        self.post_message(self.Moved(self))

    def line_count(self) -> int:
        return len(self._shown)

    def line(self, index: int, width: int) -> Content:
        item = self._shown[index]
        cells = [(safe(item.database, "bold"), 14), (safe(" ".join(item.sql.split())), max(20, width - 40))]
        return columns(cells, safe(item.reason, MUTED))

    def placeholder(self) -> Content:
        return safe("nothing matches" if self._all else "nothing yet: what you submit is kept here", MUTED)


class RecentScreen(Dialog[Draft | None]):
    """Ends with a draft, or None."""

    DEFAULT_CSS = """
    RecentScreen {
        & > Vertical { width: 100; height: 80%; }
        & #recent-sql { height: 9; border-top: solid $panel-lighten-2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, drafts: Sequence[Draft]) -> None:
        super().__init__(classes="list")
        self._drafts = drafts

    def compose(self) -> ComposeResult:
        with Vertical():
            yield SafeInput("recent SQL: words of database, SQL, reason; Enter takes it", id="recent-filter")
            yield DraftList(self._drafts)
            yield Prose(id="recent-sql")

    def on_mount(self) -> None:
        self._show_chosen()

    def action_close(self) -> None:
        self.finish(None)

    def action_move(self, by: int) -> None:
        self.query_one(DraftList).action_move(by)

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self.query_one(DraftList).filter(event.value)

    @on(LineView.Moved)
    def _show_chosen(self) -> None:
        chosen = self.query_one(DraftList).chosen
        self.query_one("#recent-sql", Prose).show(EMPTY if chosen is None else sql(chosen.sql))

    @on(Input.Submitted)
    @on(LineView.Chosen)
    def _chosen(self) -> None:
        chosen = self.query_one(DraftList).chosen
        if chosen is not None:
            self.finish(chosen)


def _haystack(draft: Draft) -> str:
    return f"{draft.database} {draft.sql} {draft.reason}".casefold()
