"""Asking for what the draft needs: what has to be there first, then the signature, ordinary or as an emergency."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual import work
from textual.content import Content

from p0_access.errors import P0Error
from p0_access.messages.views import Explained, RequestView
from p0_tui.backend import Backend, Draft
from p0_tui.drafts import Drafts
from p0_tui.modes.draft_actions import DraftActions
from p0_tui.modes.following import Following
from p0_tui.modes.messages import Failed, ListsChanged, Tell, signed_out, unanswered
from p0_tui.modes.permissions_pane import PermissionsPane
from p0_tui.modes.submitting import Submission
from p0_tui.safe import EMPTY, safe
from p0_tui.screens.confirm import ConfirmScreen
from p0_tui.screens.confirm_typed import ConfirmTypedScreen
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.terms import Terms


class Asking(DraftActions):
    """The base of the mode that asks. Requests are followed in `following`."""

    def __init__(
        self,
        backend: Backend,
        drafts: Drafts,
        permissions: PermissionsPane,
        following: Following,
        *,
        id: str,  # noqa: A002 - Textual's name for it
    ) -> None:
        super().__init__(drafts, id=id)
        self._permissions = permissions
        self._following = following
        self._submitting = False
        self._followed_sql: str | None = None
        self._submission = Submission(
            backend,
            permissions.preview,
            show=self.answered,
            confirm=self._confirmed,
            confirm_typed=self._confirmed_typed,
            tell=self.tell,
            refuse=lambda text: self._refuse(text, "#editor"),
            busy=lambda on: following.set_foot(safe("submitting…") if on else EMPTY),
        )

    def answered(self, explained: Explained) -> None:
        """The server's answer for the draft as it is now."""
        raise NotImplementedError

    @property
    def followed(self) -> RequestView | None:
        """The request that the status pane shows."""
        return self._following.request

    @property
    def followed_draft(self) -> str | None:
        """The SQL of the request that the status pane shows, if it was asked for from here."""
        return self._followed_sql

    def action_submit(self) -> None:
        if self._is_ready("Why do you need it? Enter submits"):
            self._submit(self._submission.ask)

    def break_glass(self) -> None:
        """Asks for it as an emergency, after a question that says what that causes."""
        if self._is_ready("Emergency: say why, then ^O ! again"):
            self._submit(self._submission.break_glass)

    def _is_ready(self, why: str) -> bool:
        """Whether all that a request needs is there; if not, the cursor is where it is missing, and `why` asks for the
        reason. A second Enter in the reason goes on without one, which the rules may allow."""
        draft = self.draft()
        if self._submitting:
            return False
        if not draft.sql.strip():
            self._refuse("Nothing to submit: write some SQL first.", "#editor")
        elif not draft.database:
            self._refuse("Choose a database first: ^O then d.", "#catalog")
        elif self._permissions.shown.problems:
            first = self._permissions.shown.problems[0]
            self.query_one(Editor).move_cursor((first.line - 1, first.column - 1))
            self._refuse("This SQL is not understood yet; see the permissions pane.", "#editor")
        elif self.query_one(Terms).ttl.is_wrong:
            self._refuse("The TTL should look like 30m, 1h or 90m.", "#ttl")
        elif not draft.reason and not self.query_one("#reason").has_focus:
            self.screen.set_focus(self.query_one("#reason"))
            self.query_one("#reason-pane", Pane).set_foot(safe(why, "bold $text-warning"))
        else:
            return True
        return False

    @work(group="submit")
    async def _submit(self, ask: Callable[[Draft], Coroutine[Any, Any, RequestView | None]]) -> None:
        """Never cancelled by a second key: what is on its way may have arrived."""
        self._submitting = True
        draft = self.draft()
        try:
            view = await ask(draft)
        except P0Error as error:
            self._not_submitted(error)
            return
        finally:
            self._submitting = False
        if view is not None:
            self.query_one("#reason-pane", Pane).set_foot(EMPTY)
            self._drafts.keep(draft)
            self._recent = -1
            self._followed_sql = draft.sql
            self._following.follow(view)
            self.screen.add_class("show-status")
            self.post_message(ListsChanged())

    def _not_submitted(self, error: P0Error) -> None:
        """Why stays in the status pane; no toast covers it with the same."""
        perhaps = self._submission.signing and unanswered(error)
        self._followed_sql = None
        self._following.failed(error, perhaps=perhaps)
        self.screen.add_class("show-status")
        if signed_out(error):
            self.post_message(Failed(error))
        else:
            what = "It may not have arrived" if perhaps else "Not submitted"
            self.post_message(Tell(safe(f"{what}: ^O s says why."), bad=True))

    async def _confirmed(self, question: Content, yes: str) -> bool:
        confirmed: bool = await self.app.push_screen_wait(ConfirmScreen(question, yes))
        return confirmed

    async def _confirmed_typed(self, question: Content, word: str) -> bool:
        confirmed: bool = await self.app.push_screen_wait(ConfirmTypedScreen(question, word))
        return confirmed

    def tell(self, text: str) -> None:
        self.post_message(Tell(safe(text)))

    def _refuse(self, text: str, focus: str) -> None:
        self.screen.set_focus(self.query_one(focus))
        self.post_message(Tell(safe(text), bad=True))
