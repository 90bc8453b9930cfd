"""The work screen's line to the server: the live stream, the lists it renews, and signing in when that has run out.

What is shown of it is the work screen's; nothing here knows a widget.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from textual import on, work

from p0_access.errors import P0Error
from p0_access.messages.views import Event, RequestSummary, State
from p0_tui.backend import Backend
from p0_tui.facts import Facts
from p0_tui.live import Connection, Live
from p0_tui.modes.messages import Failed, ListsChanged, Tell, error_content, signed_out
from p0_tui.safe import joined, safe
from p0_tui.screens.browser import BrowserScreen
from p0_tui.screens.launching import Launching
from p0_tui.screens.sign_in import SignInScreen

_MY_CAUSES: Final = frozenset({"relinquished", "withdrawn", "extended"})
"""Of an end that I asked for myself."""


class Connected(Launching):
    """The base of the work screen, which says what comes of events, of new facts and of a connection's changes."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend
        self._facts = Facts(backend)
        self._connection = Connection(state="connecting")
        self._asking_to_sign_in = False
        self._refreshing = self._lists_are_old = False
        backend.announce_sign_ins(self._announce_sign_in)
        self._live = Live(
            backend,
            refresh=self._refresh,
            on_event=self._on_event,
            on_connection=self._on_connection,
            jitter=random.random,
        )

    def show_event(self, event: Event) -> None:
        """Something has happened to a request."""
        raise NotImplementedError

    def show_facts(self) -> None:
        """The lists are others than they were."""
        raise NotImplementedError

    def follows(self, rid: str) -> bool:
        """Whether what becomes of the request `rid` of mine is waited for on the screen, and told there."""
        raise NotImplementedError

    def connected_again(self) -> None:
        """The server answers, after it did not."""
        raise NotImplementedError

    def disconnected(self) -> None:
        """The server does not answer."""
        raise NotImplementedError

    def looked_at(self, rid: str) -> None:
        """`rid` was read."""
        if rid in self._facts.unread:
            self._facts.look_at(rid)
            self.show_facts()

    def action_reconnect(self) -> None:
        self._live.retry_now()
        self._refresh_lists()

    @work(exclusive=True, group="live")
    async def stay_connected(self) -> None:
        await self._live.run()

    async def _refresh(self) -> None:
        await self._facts.refresh()
        self._tell_news()

    @work(group="lists")
    async def _refresh_lists(self) -> None:
        """What waits for me is shown before the rest is fetched. Never cancelled by the next event, of which there may
        be many: one that comes meanwhile makes it all be fetched once more."""
        self._lists_are_old = True
        if self._refreshing:
            return
        self._refreshing = True
        try:
            while self._lists_are_old:
                self._lists_are_old = False
                if await self._facts.refresh_to_review():
                    self._tell_news()
                await self._facts.refresh_others()
                self._tell_news()
        except P0Error:
            return  # the next poll tells, and the header says that the connection is gone
        finally:
            self._refreshing = False

    def _tell_news(self) -> None:
        self.show_facts()
        for item in self._facts.arrived:
            who = item.requestor.email or item.requestor.sub
            what = "To look at, an emergency" if item.review_due is not None else "To review"
            self.post_message(Tell(safe(f"{what}: {who} on {item.database}, {item.reason or item.summary}")))
        for item in self._facts.moved:
            news = _news(item, followed=self.follows(item.rid))
            if news:
                self.post_message(Tell(safe(f"{item.rid} on {item.database} {news}"), bad=item.state.final))
        self._facts.arrived = self._facts.moved = ()

    @on(ListsChanged)
    def _lists_changed(self) -> None:
        self._refresh_lists()

    def _on_event(self, event: Event) -> None:
        self.show_event(event)
        self._refresh_lists()

    def _on_connection(self, connection: Connection) -> None:
        was, self._connection = self._connection.state, connection
        self.show_header()
        if connection.state == "live" and was == "offline":
            self.post_message(Tell(safe("Connected again.")))
            self.connected_again()
        elif connection.state == "offline" and connection.problem is not None:
            self.disconnected()
            if signed_out(connection.problem):
                self._ask_to_sign_in(connection.problem)
            elif was != "offline":
                text = joined((safe("Offline, trying again: "), error_content(connection.problem)))
                self.post_message(Tell(text, bad=True))

    # --- signing in

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        if signed_out(message.error):
            self._ask_to_sign_in(message.error)
        else:
            self.post_message(Tell(error_content(message.error), bad=True))

    def _ask_to_sign_in(self, problem: P0Error) -> None:
        """Once, however many calls have found it out."""
        if not self._asking_to_sign_in:
            self._asking_to_sign_in = True
            self._wait_for_sign_in(problem)

    @work(group="sign-in")
    async def _wait_for_sign_in(self, problem: P0Error) -> None:
        try:
            answer = await self.app.push_screen_wait(SignInScreen(problem))
            if answer == "sign-in":
                await self._backend.sign_in()
        except P0Error as error:
            self.post_message(Tell(error_content(error), bad=True))
            return
        finally:
            self._asking_to_sign_in = False
        if answer != "later":
            self.workers.cancel_group(self, "live")
            await self._backend.close()
            self.stay_connected()

    def _announce_sign_in(self, url: str, give_up: Callable[[], None]) -> Callable[[], None]:
        """Says that the browser is needed, until what it returns is called."""
        screen = BrowserScreen(url)

        def ended(signed_in: bool | None) -> None:  # noqa: FBT001 - the dialog's one result
            if signed_in is False:
                give_up()

        self.app.push_screen(screen, ended)
        return lambda: screen.finish(True)  # noqa: FBT003 - the dialog's one result


def _news(request: RequestSummary, *, followed: bool) -> str | None:
    """What became of a request of mine by what others did; None for what I did, or am told anyway if it is followed."""
    if request.state is State.ENDED:
        cause = request.end_cause or "ended"
        return None if cause in _MY_CAUSES else f"is over: {cause.replace('_', ' ')}."
    if followed or request.state is State.CANCELLED:
        return None
    if request.state is State.APPROVED:
        return "is approved: Enter on it in Mine opens psql."
    return f"is {request.state.value.replace('_', ' ')}. {request.message or ''}" if request.state.final else None
