"""The names that could come next, in a box under the cursor. It never has the focus: the editor's keys drive it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.geometry import Offset
from textual.message import Message

from p0_tui.completion import Candidate, CandidateKind
from p0_tui.paint import MUTED
from p0_tui.safe import joined, safe, stacked
from p0_tui.widgets.prose import Prose

MAX_SHOWN = 7
WIDTH = 44

_GLYPHS: dict[CandidateKind, str] = {
    "schema": "▪",
    "table": "▦",
    "column": "·",
    "function": "ƒ",
    "alias": "=",
    "keyword": " ",
}


class CompletionPopup(Prose):
    """Shown while it has candidates. A click takes the one under it."""

    DEFAULT_CSS = f"""
    CompletionPopup {{
        overlay: screen;
        constrain: inside inflect;
        display: none;
        width: {WIDTH};
        height: auto;
        background: $panel;
        border-left: outer $primary;
    }}
    """

    class Picked(Message):
        """The chosen candidate is to be taken."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._candidates: Sequence[Candidate] = ()
        self._cursor = 0

    @property
    def chosen(self) -> Candidate | None:
        return self._candidates[self._cursor] if self._candidates else None

    def offer(self, candidates: Sequence[Candidate], under: Offset) -> None:
        """`under` is where the word begins, on the screen."""
        self._candidates, self._cursor = candidates, 0
        self.absolute_offset = under + Offset(-1, 1)
        self.display = bool(candidates)
        self._draw()
        self.refresh(layout=True)  # the same names may be offered elsewhere

    def close(self) -> None:
        self._candidates = ()
        self.display = False

    def move(self, by: int) -> None:
        self._cursor = (self._cursor + by) % max(1, len(self._candidates))
        self._draw()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = self._first + int(event.get_content_offset_capture(self).y)
        if index < min(len(self._candidates), self._first + MAX_SHOWN):
            self._cursor = index
            self.post_message(self.Picked())

    @property
    def _first(self) -> int:
        return max(0, self._cursor - MAX_SHOWN + 1)

    def _draw(self) -> None:
        shown = self._candidates[self._first : self._first + MAX_SHOWN]
        lines = [_line(each, chosen=self._first + at == self._cursor) for at, each in enumerate(shown)]
        more = len(self._candidates) - len(shown)
        lines.append(safe(f" Tab takes it  ^N next  Esc closes{f'  +{more}' if more else ''}", MUTED))
        self.show(stacked(lines))


def _line(candidate: Candidate, *, chosen: bool) -> Content:
    mark = "▸" if chosen else " "
    name = safe(f"{mark}{_GLYPHS[candidate.kind]} {candidate.text}", "bold reverse" if chosen else "")
    note = safe(f" {candidate.note}", MUTED)
    return joined((name.truncate(WIDTH - 14, ellipsis=True), note)).truncate(WIDTH - 2, ellipsis=True)
