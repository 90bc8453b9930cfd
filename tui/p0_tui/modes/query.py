"""The query pane: the editor, the names it offers, what is wrong where, and laying the SQL out.

Whatever replaces the text does so visibly and as one step that `^Z` takes back; nothing here signs or sends anything.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Final

from textual import on, work
from textual.widgets import TextArea

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import Reading, Refused
from p0_tui.completion import Completion, complete, nearest_name, warm
from p0_tui.leaving_out import leave_out
from p0_tui.modes.messages import Tell
from p0_tui.names import identifier
from p0_tui.reader import Reader
from p0_tui.safe import EMPTY, safe
from p0_tui.widgets.completion_popup import CompletionPopup
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.pane import Pane

_DOTTED: Final = re.compile(r'(?:"(?:[^"]|"")*"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\w$]+))*')


class QueryPane(Pane):
    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._editor = Editor(on_text, id="editor")
        self._popup = CompletionPopup(id="completions")
        super().__init__(safe("Query"), self._editor, self._popup, jump="q", id="query-pane")
        self._catalog: Catalog | None = None
        self._completion: Completion | None = None
        self._fix: tuple[int, int, str] | None = None

    def use_catalog(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._popup.close()
        if catalog is not None:
            self._warm(catalog)

    @work(exclusive=True, group="warm")
    async def _warm(self, catalog: Catalog) -> None:
        await asyncio.to_thread(_prepare, catalog)

    def show_problems(self, problems: Sequence[Refused], statements: int) -> None:
        """The first problem at its place, and what Tab would put there; else how many statements there are."""
        first = problems[0] if problems else None
        self._fix = None if first is None else self._fix_of(first)
        self._editor.show_error(None if first is None else (first.line - 1, first.column - 1))
        if first is None:
            self.set_foot(safe(f"{statements} statements") if statements > 1 else EMPTY)
            return
        offered = "" if self._fix is None else f"Tab: {self._fix[2]} · "
        self.set_foot(safe(f"✗ {first.line}:{first.column} {offered}{first.message}", "$text-error"))

    def insert_name(self, parts: Sequence[str], *, call: bool = False) -> None:
        """A name from the catalog, where the cursor is."""
        self._editor.insert(".".join(identifier(part) for part in parts) + ("(" if call else ""))
        self.screen.set_focus(self._editor)

    def leave_out(self, columns: Sequence[Permission], reader: Reader) -> None:
        """Takes `columns` out of the SELECT list; raises P0Error where that is for the person to do."""
        catalog = self._catalog

        def read(sql: str) -> Reading | None:
            return None if catalog is None else reader.read(sql, catalog)

        self._editor.replace_all(leave_out(self._editor.text, columns, read))

    def close_offers(self) -> bool:
        """Esc: whether there was something to close."""
        was_open = bool(self._popup.display)
        self._popup.close()
        return was_open

    # --- names that are offered

    def on_resize(self) -> None:
        """What is offered stands at the cursor, which is elsewhere now."""
        if self._popup.display:
            self.call_after_refresh(self._offer, asked=True)

    @on(TextArea.SelectionChanged)
    def _strayed(self) -> None:
        self._popup.close()

    @on(Editor.Typed)
    def _typed(self) -> None:
        self._offer(asked=False)

    @on(Editor.OfferWanted)
    def _wanted(self) -> None:
        if self._popup.display:
            self._popup.move(1)
        else:
            self._offer(asked=True)

    def _offer(self, *, asked: bool) -> None:
        """Only where the parser is there already: typing waits for nothing."""
        if self._catalog is None or not self._editor.is_colouring:
            return
        editor = self._editor
        self._completion = complete(editor.text, editor.offset_of_cursor, self._catalog, asked=asked)
        if self._completion is None:
            self._popup.close()
            return
        letters = editor.offset_of_cursor - self._completion.start
        self._popup.offer(self._completion.candidates, editor.cursor_screen_offset - (letters, 0))

    @on(Editor.TakeWanted)
    @on(CompletionPopup.Picked)
    def _take(self) -> None:
        chosen = self._popup.chosen
        if self._popup.display and chosen is not None and self._completion is not None:
            self._put(self._completion.start, self._completion.end, chosen.text)
        elif self._fix is not None:
            self._put(*self._fix)
        else:
            self.screen.focus_next()

    def _put(self, start: int, end: int, text: str) -> None:
        editor = self._editor
        self._popup.close()
        editor.replace(text, editor.place_at(start), editor.place_at(end))
        editor.move_cursor(editor.place_at(start + len(text)))
        self.screen.set_focus(editor)

    def _fix_of(self, problem: Refused) -> tuple[int, int, str] | None:
        """Which characters Tab would replace by what: of a column, only the last part of its name."""
        name = None if self._catalog is None else nearest_name(problem, self._catalog)
        if name is None:
            return None
        start = self._editor.offset_at((problem.line - 1, problem.column - 1))
        written = _DOTTED.match(self._editor.text, start)
        if written is None:
            return None
        if problem.code == "unknown_column":
            start = max(start, written.start() + written[0].rfind(".") + 1)
        return start, written.end(), name

    # --- laying out

    @work(exclusive=True, group="format")
    async def lay_out(self) -> None:
        """The SQL laid out by sqlglot, if that changes nothing but its layout. What was typed meanwhile stays."""
        from p0_access.permissions.second_opinion import format_sql

        before = self._editor.text
        laid_out = await asyncio.to_thread(format_sql, before)
        if self._editor.text != before:
            return
        if laid_out == before:
            self.post_message(Tell(safe("Nothing to lay out: it is so already, or could not be without changing it.")))
            return
        self._editor.replace_all(laid_out)
        self.post_message(Tell(safe("Laid out. ^Z takes it back.")))


def _prepare(catalog: Catalog) -> None:
    """What would hold up a key press over a large catalog, once for each."""
    from p0_access.permissions.infer.links import links  # here: the parser comes after the first paint

    warm(catalog)
    links(catalog)
