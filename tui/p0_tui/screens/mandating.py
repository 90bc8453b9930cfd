"""What is signed from the work screen beside requests and decisions: allowances, delegations, and the end of what
somebody has. Each is restated first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from textual import on, work
from textual.content import Content

from p0_access.errors import P0Error
from p0_access.messages.views import RequestSummary, State
from p0_access.permissions.permission import Permission
from p0_tui.errors import TuiError
from p0_tui.modes.messages import EndWanted, Failed, ListsChanged, Tell
from p0_tui.safe import safe, stacked
from p0_tui.screens.confirm import ConfirmScreen
from p0_tui.screens.connected import Connected

if TYPE_CHECKING:
    from p0_launcher.mandates import Allowance, Delegating

MandateKind = Literal["allow", "delegate"]


class Mandating(Connected):
    """The base of the work screen, which owns what is declared here."""

    _clock: Callable[[], float]

    def suggested(self) -> tuple[str, Sequence[Permission]]:
        """The database that is worked with, and what its draft needs."""
        raise NotImplementedError

    @work(exclusive=True, group="mandates")
    async def mandates(self) -> None:
        """The list, until it is left."""
        from p0_tui.screens.mandates import MandatesScreen

        try:
            while wanted := await self.app.push_screen_wait(
                MandatesScreen(await self._backend.mandates(), self._clock)
            ):
                if isinstance(wanted, RequestSummary):
                    await self._revoke(wanted.rid)
                else:
                    await self._sign(wanted)
        except P0Error as error:
            self.post_message(Failed(error))

    @work(exclusive=True, group="mandates")
    async def mandate(self, kind: MandateKind) -> None:
        """A new one."""
        try:
            await self._sign(kind)
        except P0Error as error:
            self.post_message(Failed(error))

    async def _sign(self, kind: MandateKind) -> None:
        """Asked for, shown as it will be signed, and signed after a yes."""
        from p0_launcher.mandates import Allowance
        from p0_launcher.restating import allowance_lines, delegation_lines

        mandate = await self._asked(kind)
        if mandate is None:
            return
        now = self._clock()
        if isinstance(mandate, Allowance):
            lines = allowance_lines(mandate, now=now)
        else:
            lines = delegation_lines(mandate, now=now)
        if not await self.app.push_screen_wait(ConfirmScreen(_question(lines), "signs")):
            self.post_message(Tell(safe("Nothing was signed.")))
            return
        for view in await self._backend.sign_mandate(mandate):
            if view.state is State.ACTIVE:
                self.post_message(Tell(safe(f"{view.rid} stands. ^O m lists it, d there withdraws it.")))
            else:
                said = f"{view.rid} is {view.state.value}: {view.message or 'the agent has not answered yet'}"
                self.post_message(Tell(safe(said), bad=view.state.final))

    async def _asked(self, kind: MandateKind) -> Allowance | Delegating | None:
        me = self._facts.me
        if me is None:
            raise TuiError("the server has not said yet who you are", code="not_connected", hint="R connects again")
        if kind == "delegate":
            from p0_tui.screens.delegate import DelegateScreen

            return await self.app.push_screen_wait(DelegateScreen(own_issuer=me.subject.iss))
        from p0_tui.screens.allow import AllowScreen

        database, permissions = self.suggested()
        if not database:
            raise TuiError("there is no database yet", code="no_database", hint="^O d chooses one")
        return await self.app.push_screen_wait(AllowScreen(database, own_issuer=me.subject.iss, suggested=permissions))

    @on(EndWanted)
    @work(exclusive=True, group="end")
    async def _end(self, message: EndWanted) -> None:
        """Whoever may not is told so by the server or the agent: the rules name who may."""
        try:
            await self._revoke(message.request.rid, "Its sessions end at once. It is recorded that you ended it.")
        except P0Error as error:
            self.post_message(Failed(error))

    async def _revoke(self, rid: str, *causes: str) -> None:
        """Asks by what was signed under `rid`, not by what a list says, and signs the end of that very record."""
        from p0_launcher.restating import ending_lines
        from p0_tui.screens.end import EndScreen

        what = await self._backend.ending(rid)
        question = _question((*ending_lines(what), *causes))
        comment = await self.app.push_screen_wait(EndScreen(question))
        if comment is None:
            return
        view = await self._backend.revoke(what, comment)
        self.post_message(Tell(safe(f"{view.rid} is {(view.end_cause or view.state.value).replace('_', ' ')}.")))
        self.post_message(ListsChanged())


def _question(lines: Sequence[str]) -> Content:
    return stacked(safe(each, "bold" if number == 0 else "") for number, each in enumerate(lines))
