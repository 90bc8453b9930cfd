"""psql from the work screen: on which access, for what was signed or interactively, beside p0 tui or instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.binding import Binding, BindingType

from p0_access.errors import P0Error
from p0_access.messages.views import State
from p0_tui.backend import Backend
from p0_tui.facts import Facts
from p0_tui.modes.following import Following
from p0_tui.modes.messages import Failed, ListsChanged, OpenPsql, Tell
from p0_tui.modes.request import RequestMode
from p0_tui.psql import Handover, Run, prepare_handover, run_psql
from p0_tui.safe import safe
from p0_tui.screens.navigation import Navigation
from p0_tui.widgets.banner import ReadyBanner

if TYPE_CHECKING:  # loaded after the first paint
    from p0_tui.modes.mine import MineMode

_OPENS: Final = frozenset({State.ACTIVE, State.APPROVED})


class Launching(Navigation):
    """The base of the work screen, which owns what is declared here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "psql", "psql", priority=True),
        Binding("f3", "run", "Run the SQL", priority=True),
    ]
    _backend: Backend
    _run: Run
    _leave: Callable[[Handover], None]
    _facts: Facts
    _banner: ReadyBanner
    _request: RequestMode
    _mine: MineMode

    @on(Following.Ready)
    def _ready(self, message: Following.Ready) -> None:
        self._banner.show_access(message.access)
        self.post_message(ListsChanged())

    def action_psql(self) -> None:
        rid = self._psql_target()
        if rid is not None:
            self._open_psql(rid, statement=False)

    @work(exclusive=True, group="psql")
    async def action_run(self) -> None:
        """Runs the SQL that was signed: of the chosen request in Mine, else of the draft, if that is open."""
        if self.mode == "mine":
            rid = self._psql_target()
        else:
            rid = await self._open_for_draft()
        if rid is not None:
            self._open_psql(rid, statement=True)

    @work(exclusive=True, group="psql")
    async def hand_over(self) -> None:
        """Leaves p0 tui and becomes psql."""
        rid = self._psql_target()
        if rid is None:
            return
        try:
            handover = await prepare_handover(self._backend, rid)
        except P0Error as error:
            self.post_message(Failed(error))
        else:
            self._leave(handover)

    async def _open_for_draft(self) -> str | None:
        try:
            access = await self._backend.reusable(self._request.draft())
        except P0Error as error:
            self.post_message(Failed(error))
            return None
        if access is None and self._banner.access is not None:  # for one use: not for reuse, but ready here
            access = self._banner.access if self._request.followed_draft == self._request.draft().sql else None
        if access is None:
            self.post_message(
                Tell(safe("There is no open access for this very SQL. ^J asks for one, F3 runs it then."))
            )
        return None if access is None else access.rid

    def _psql_target(self) -> str | None:
        """In Mine the chosen one; else what was opened here last, what is shown, or the only one there is. None when
        there is none, and then that was said."""
        if self.mode == "mine":
            chosen = self._mine.chosen
            if chosen is not None and chosen.state in _OPENS:
                return chosen.rid
        elif self._banner.access is not None:
            return self._banner.access.rid
        elif (followed := self._request.followed) is not None and followed.state is State.ACTIVE:
            return followed.rid
        elif len(self._facts.active) == 1:
            return self._facts.active[0].rid
        if self._facts.active and self.mode != "mine":
            self.action_mode("mine")
            self.post_message(Tell(safe("Several accesses are open: Enter opens psql on the chosen one.")))
        else:
            self.post_message(Tell(safe("No open access. Submit with ^J; F2 opens psql when it is ready.")))
        return None

    @on(OpenPsql)
    def _psql_wanted(self, message: OpenPsql) -> None:
        self._open_psql(message.rid, statement=False)

    @work(exclusive=True, group="psql")
    async def _open_psql(self, rid: str, *, statement: bool) -> None:
        try:
            status = await run_psql(self._backend, rid, self._run, statement=statement)
        except P0Error as error:
            self.post_message(Failed(error))
            return
        if status != 0:
            self.post_message(Tell(safe(f"psql ended with status {status}."), bad=True))
        self.post_message(ListsChanged())
