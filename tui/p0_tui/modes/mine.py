"""Mode 2: what I asked for and hold: states and countdowns, psql, giving back, longer, the same again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from p0_access.errors import P0Error
from p0_access.messages.views import Event, RequestSummary, RequestView, State
from p0_access.routing.durations import spell_duration
from p0_tui.asked import draft_of
from p0_tui.backend import Backend
from p0_tui.modes.messages import CopyWanted, EditWanted, Extended, ListsChanged, OpenPsql, Tell, failed_at
from p0_tui.safe import safe
from p0_tui.screens.extend import ExtendScreen
from p0_tui.times import clock as time_left
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.request_detail import RequestDetail
from p0_tui.widgets.request_list import RequestList

SECOND_KEY_SECONDS: Final = 3.0
MAKING_SECONDS: Final = 2
"""What making a login takes of its time, at most; nobody asks for 299 seconds."""

MIN_SECONDS: Final = 60


class MineMode(Container):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "give_back", "Give back", show=False),
        Binding("y", "copy", "Copy the command", show=False),
        Binding("e", "edit", "Longer, or edit and ask again", show=False),
        Binding("escape", "leave", "Back to the list", show=False),
    ]

    def __init__(self, backend: Backend, *, clock: Callable[[], float]) -> None:
        super().__init__(id="mine")
        self._backend = backend
        self._clock = clock
        self._view: RequestView | None = None
        self._giving_back: str | None = None

    def compose(self) -> ComposeResult:
        empty = "Nothing yet. Write SQL in mode 1 and submit it with ^J."
        yield Pane(
            safe("My requests"),
            RequestList(self._clock, empty=empty, who=False, id="mine-list"),
            jump="l",
            id="mine-left",
        )
        yield Pane(safe("Details"), RequestDetail(id="mine-detail"), jump="t", id="mine-right")

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def show(self, requests: Sequence[RequestSummary]) -> None:
        self.query_one(RequestList).show(requests)
        if self._view is None:
            self._fetch()

    @property
    def chosen(self) -> RequestSummary | None:
        return self.query_one(RequestList).chosen

    def event(self, event: Event) -> None:
        if self._view is not None and event.rid == self._view.rid:
            self._fetch()

    @on(LineView.Moved)
    def _moved(self, message: LineView.Moved) -> None:
        if self.chosen is None or self.chosen.rid != self._giving_back:
            self._keep()
        if not isinstance(message, LineView.Chosen):
            self._fetch()

    @on(LineView.Chosen)
    def _chosen(self) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        if chosen.state in {State.ACTIVE, State.APPROVED}:
            self.post_message(OpenPsql(chosen.rid))
        else:
            self.screen.set_focus(self.query_one(RequestDetail))

    def action_give_back(self) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        if chosen.state.final:
            self.post_message(Tell(safe(f"{chosen.rid} is over already.")))
        elif self._giving_back != chosen.rid:
            self._giving_back = chosen.rid
            self.set_timer(SECOND_KEY_SECONDS, self._keep)
            word = "give back" if chosen.state is State.ACTIVE else "withdraw"
            self.post_message(Tell(safe(f"d again to {word} {chosen.rid} on {chosen.database}.")))
        else:
            self._keep()
            self._end(chosen.rid)

    def _keep(self) -> None:
        """The second `d` did not come in time, or something else did."""
        self._giving_back = None

    def action_copy(self) -> None:
        draft = None if self._view is None else draft_of(self._view)
        if draft is None:
            self.post_message(Tell(safe("There is no SQL to copy here.")))
        else:
            self.post_message(CopyWanted(self._backend.command_line(draft)))

    def action_edit(self) -> None:
        """Of an open access, to have it longer; of any other, to change it and ask again."""
        if self._view is not None and self._view.state is State.ACTIVE:
            self._extend(self._view)
            return
        draft = None if self._view is None else draft_of(self._view)
        if draft is not None:
            self.post_message(EditWanted(draft))

    def action_leave(self) -> None:
        self.screen.set_focus(self.query_one(RequestList))

    @work(group="extend")
    async def _extend(self, view: RequestView) -> None:
        """Waits for the decision, however long; the list shows the request meanwhile."""
        what = safe(f"Longer: {view.rid} on {view.database}", "bold")
        wanted = await self.app.push_screen_wait(ExtendScreen(what, lasts=_lasts(view), reason=view.reason))
        if wanted is None:
            return
        self.post_message(Tell(safe(f"Asking for {view.rid} to last {spell_duration(wanted.ttl)} in all.")))
        try:
            extended = await self._backend.extend(view.rid, ttl=wanted.ttl, reason=wanted.reason)
        except P0Error as error:
            self.post_message(failed_at(f"Extending {view.rid}", error))
        else:
            left = time_left((extended.not_after or 0) - self._clock())
            self.post_message(Tell(safe(f"{view.rid} is extended: {left} left.")))
            self.post_message(Extended(extended))
        self.post_message(ListsChanged())

    @work(exclusive=True, group="give-back")
    async def _end(self, rid: str) -> None:
        try:
            view = await self._backend.give_back(rid)
        except P0Error as error:
            self.post_message(failed_at(f"Giving back {rid}", error))
        else:
            self.post_message(Tell(safe(f"{rid} is {view.state.value.replace('_', ' ')}.")))
        self.post_message(ListsChanged())

    @work(exclusive=True, group="fetch")
    async def _fetch(self) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        try:
            self._view = await self._backend.request(chosen.rid)
        except P0Error as error:
            self.query_one(RequestDetail).show_text(str(error))
        else:
            self._tick()

    def _tick(self) -> None:
        """Countdowns and ages, once a second while something runs."""
        requests = self.query_one(RequestList)
        if requests.has_countdown:
            requests.refresh()
        if self._view is not None and self.display:
            self.query_one(RequestDetail).show(self._view, self._clock())


def _lasts(view: RequestView) -> int:
    """How long an open access lasts from its start, in seconds."""
    start = next((event.at for event in view.events if event.type == "active"), view.updated)
    lasts = (view.not_after or start) - start
    asked = view.ttl or 0
    return max(MIN_SECONDS, asked if lasts < asked <= lasts + MAKING_SECONDS else lasts)
