"""A list of requests: state, database, who and what, one line each. Filterable; used by Mine, Inbox and History."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from textual.content import Content

from p0_access.messages.views import RequestSummary, State
from p0_tui.database_look import look_of
from p0_tui.paint import MUTED, STEP_STYLES, columns
from p0_tui.safe import safe
from p0_tui.timeline import GLYPHS, state_text
from p0_tui.times import ago, clock
from p0_tui.widgets.line_view import LineView

WIDE: Final = 60
VERY_WIDE: Final = 100


class RequestList(LineView):
    """`empty` is what the list says when there is nothing in it; `who` adds a column with the requestor, `marks` one
    for those that are marked or unread."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        empty: str,
        who: bool,
        id: str,  # noqa: A002 - Textual's name for it
        marks: bool = False,
    ) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._empty = empty
        self._who = who
        self._marks = marks
        self._marked: dict[str, None] = {}
        self._unread: frozenset[str] = frozenset()
        self._all: tuple[RequestSummary, ...] = ()
        self._words: tuple[str, ...] = ()
        self._requests: tuple[RequestSummary, ...] = ()
        self._visited = False

    def on_focus(self) -> None:
        self._visited = True

    def show(self, requests: Sequence[RequestSummary], *, unread: frozenset[str] = frozenset()) -> None:
        """The cursor stays on the request that it was on; before anybody has been here, it is on the newest."""
        chosen = self.chosen if self._visited else None
        self._all = tuple(requests)
        self._unread = unread
        here = {item.rid for item in requests}
        self._marked = {rid: None for rid in self._marked if rid in here}
        self._apply(None if chosen is None else chosen.rid)

    def filter(self, text: str) -> None:
        self._words = tuple(text.casefold().split())
        self._apply(None)

    @property
    def chosen(self) -> RequestSummary | None:
        return self._requests[self.cursor] if self.cursor < len(self._requests) else None

    @property
    def listed(self) -> tuple[RequestSummary, ...]:
        """Those that the filter leaves."""
        return self._requests

    @property
    def marked(self) -> tuple[str, ...]:
        """The ids of those that are marked, in the order in which they were."""
        return tuple(self._marked)

    def mark(self) -> None:
        """Marks the one under the cursor, or takes its mark away, and goes to the next."""
        if self.chosen is not None:
            rid = self.chosen.rid
            if rid in self._marked:
                del self._marked[rid]
            else:
                self._marked[rid] = None
            self.refresh()
            self.action_move(1)

    def unmark(self, rid: str) -> None:
        self._marked.pop(rid, None)
        self.refresh()

    @property
    def has_countdown(self) -> bool:
        return any(item.state is State.ACTIVE for item in self._requests)

    def line_count(self) -> int:
        return len(self._requests)

    def placeholder(self) -> Content:
        return safe("nothing matches" if self._words and self._all else self._empty, MUTED)

    def line(self, index: int, width: int) -> Content:
        item = self._requests[index]
        now = self._clock()
        kind, word = state_text(item, now)
        if item.state is State.ACTIVE and item.not_after is not None and word == "active":
            state = safe(f"⏳ {clock(item.not_after - now)}", "bold $text-success")
        else:
            state = safe(f"{GLYPHS[kind]} {word}", STEP_STYLES[kind])
        wide = width >= WIDE
        cells = [*self._mark_cell(item), (state, 18 if wide else 13), (_database(item.database), 14 if wide else 11)]
        who = safe(item.requestor.email or item.requestor.sub)
        if self._who and not wide:
            return columns(cells, who)
        if self._who:
            cells.append((who, 18))
        if width >= VERY_WIDE:
            cells.append((safe(f"{ago(now - item.created)} ago", MUTED), 8))
            cells.append((safe(item.summary), max(20, (width - 80) * 2 // 3)))
            return columns(cells, safe(item.reason, MUTED))
        return columns(cells, safe(item.summary))

    def _mark_cell(self, item: RequestSummary) -> list[tuple[Content, int]]:
        if not self._marks:
            return []
        mark = "■" if item.rid in self._marked else "◆" if item.rid in self._unread else " "
        return [(safe(mark, "bold $text-warning"), 1)]

    def _apply(self, rid: str | None) -> None:
        before = self.chosen
        self._requests = tuple(item for item in self._all if self._matches(item))
        index = next((at for at, item in enumerate(self._requests) if item.rid == rid), None)
        stay = self.cursor if self._visited else 0
        self.set_reactive(LineView.cursor, stay if index is None else index)
        self.lines_changed()
        if self.chosen != before:
            self.post_message(self.Moved(self))

    def _matches(self, item: RequestSummary) -> bool:
        texts = (item.rid, item.database, item.state.value, item.summary, item.reason, item.requestor.email or "")
        haystack = " ".join(texts).casefold()
        return all(word in haystack for word in self._words)


def _database(name: str) -> Content:
    look = look_of(name)
    return safe(f"{look.mark}{name}", look.style)
