"""The pane that follows one request of mine, live, and opens its access as soon as there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from textual import work
from textual.message import Message

from p0_access.errors import P0Error
from p0_access.messages.views import Event, RequestView
from p0_tui.backend import Backend
from p0_tui.modes.messages import Decided, Failed
from p0_tui.safe import EMPTY, joined, safe
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.status import StatusPane, not_submitted

if TYPE_CHECKING:
    from p0_launcher.access import Access


class Following(Pane):
    """`clock` gives seconds since the epoch."""

    class Ready(Message):
        """An access is open; psql can be opened on it."""

        def __init__(self, access: Access) -> None:
            super().__init__()
            self.access = access

    def __init__(self, backend: Backend, *, clock: Callable[[], float], id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(safe("Status"), StatusPane(id="status"), jump="s", id=id)
        self._backend = backend
        self._clock = clock
        self._tab = False
        self._view: RequestView | None = None

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    @property
    def request(self) -> RequestView | None:
        """The request that is followed, as last heard of."""
        return self._view

    def show_as_tab(self, tab: bool) -> None:  # noqa: FBT001 - one question, asked by name
        """Whether it shares its place with the permissions, and names them."""
        self._tab = tab
        self._show_name()

    def follow(self, view: RequestView) -> None:
        self._show(view)
        if not view.state.final:
            self._open(view.rid)

    def failed(self, error: P0Error, *, perhaps: bool) -> None:
        """What was asked for last is not on its way, or nobody knows (`perhaps`). That stays to be read, and no other
        request stands there as if it were this one."""
        self._view = None
        self._show_name()
        self.query_one(StatusPane).say(not_submitted(error, perhaps=perhaps))

    def event(self, event: Event) -> None:
        """Something happened to some request; if it is this one, it shows at once, and whole a moment later."""
        view = self._view
        if view is None or event.rid != view.rid:
            return
        if all(event.seq != known.seq for known in view.events):
            self._show(msgspec.structs.replace(view, state=event.state, events=(*view.events, event)))
        self._refetch(event.rid)

    @work(exclusive=True, group="refetch")
    async def _refetch(self, rid: str) -> None:
        try:
            view = await self._backend.request(rid)
        except P0Error:
            return  # the connection's own state says so already, and it will be fetched again
        if self._view is not None and self._view.rid == rid:
            self._show(view)

    @work(exclusive=True, group="open")
    async def _open(self, rid: str) -> None:
        """Waits for the decision and the login. Another request that is followed ends the wait for this one, which
        goes on without it: Mine opens its access later."""
        try:
            access = await self._backend.open(rid)
        except P0Error as error:
            self.post_message(Failed(error))
            self.post_message(Decided(f"p0: {error}"))
        else:
            self.post_message(self.Ready(access))
            self.post_message(Decided(f"p0: {rid} is ready"))
        self._refetch(rid)

    def _show(self, view: RequestView) -> None:
        self._view = view
        self._show_name()
        self.query_one(StatusPane).show(view, self._clock())

    def _show_name(self) -> None:
        name = "Status" if self._view is None else f"Status · {self._view.rid}"
        self.set_title(joined((safe(name), safe(" │ ^O p permissions") if self._tab else EMPTY)))

    def _tick(self) -> None:
        """Ages and countdowns, once a second while the request is on its way or open."""
        if self._view is not None and not self._view.state.final:
            self.query_one(StatusPane).show(self._view, self._clock())
