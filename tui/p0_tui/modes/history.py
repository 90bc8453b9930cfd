"""Mode 4: everything I asked for or may review, filterable, with the timeline and the evidence of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Input

from p0_access.errors import P0Error
from p0_access.messages.views import RequestSummary, RequestView
from p0_tui.asked import draft_of
from p0_tui.backend import Backend
from p0_tui.export import export
from p0_tui.modes.messages import CopyWanted, EndWanted, Failed, Tell
from p0_tui.safe import safe
from p0_tui.screens.ask_path import AskPathScreen
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.request_detail import RequestDetail
from p0_tui.widgets.request_list import RequestList
from p0_tui.widgets.safe_input import SafeInput


class HistoryMode(Container):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", show=False),
        Binding("escape", "leave", "Back to the list", show=False),
        Binding("x", "export", "Export", show=False),
        Binding("y", "copy", "Copy the command", show=False),
        Binding("X", "end", "End it now", show=False),
    ]

    def __init__(self, backend: Backend, *, clock: Callable[[], float]) -> None:
        super().__init__(id="history")
        self._backend = backend
        self._clock = clock
        self._view: RequestView | None = None

    def compose(self) -> ComposeResult:
        yield Pane(
            safe("History"),
            SafeInput("filter: words of id, database, state, SQL, reason, who", id="history-filter"),
            RequestList(self._clock, empty="Nothing has happened yet.", who=True, id="history-list"),
            jump="l",
            id="history-left",
        )
        yield Pane(safe("Details"), RequestDetail(id="history-detail"), jump="t", id="history-right")

    def show(self, requests: Sequence[RequestSummary]) -> None:
        self.query_one(RequestList).show(requests)

    @on(LineView.Moved)
    def _moved(self, message: LineView.Moved) -> None:
        if isinstance(message, LineView.Chosen):
            self.screen.set_focus(self.query_one(RequestDetail))
        else:
            self._fetch()

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self.query_one(RequestList).filter(event.value)

    @on(Input.Submitted)
    def _filtered(self) -> None:
        self.screen.set_focus(self.query_one(RequestList))

    def action_filter(self) -> None:
        self.screen.set_focus(self.query_one(SafeInput))

    def action_leave(self) -> None:
        self.query_one(SafeInput).value = ""
        self.screen.set_focus(self.query_one(RequestList))

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """What the filter leaves, into a file."""
        requests = self.query_one(RequestList).listed
        question = safe(f"Export {len(requests)} requests, as .json or .csv", "bold")
        path = await self.app.push_screen_wait(AskPathScreen(question, path="p0-history.json"))
        if path is None:
            return
        try:
            export(path, requests)
        except P0Error as error:
            self.post_message(Failed(error))
        else:
            self.post_message(Tell(safe(f"Exported {len(requests)} requests to {path.absolute()}")))

    def action_end(self) -> None:
        """Somebody's request or access; only those may whom the rules let."""
        chosen = self.query_one(RequestList).chosen
        if chosen is not None and chosen.state.final:
            self.post_message(Tell(safe(f"{chosen.rid} is over already.")))
        elif chosen is not None:
            self.post_message(EndWanted(chosen))

    def action_copy(self) -> None:
        draft = None if self._view is None else draft_of(self._view)
        if draft is None:
            self.post_message(Tell(safe("There is no SQL to copy here.")))
        else:
            self.post_message(CopyWanted(self._backend.command_line(draft)))

    @work(exclusive=True, group="fetch")
    async def _fetch(self) -> None:
        chosen = self.query_one(RequestList).chosen
        self._view = None
        if chosen is None:
            self.query_one(RequestDetail).show_text("")
            return
        try:
            self._view = view = await self._backend.request(chosen.rid)
        except P0Error as error:
            self.query_one(RequestDetail).show_text(str(error))
        else:
            self.query_one(RequestDetail).show(view, self._clock())
