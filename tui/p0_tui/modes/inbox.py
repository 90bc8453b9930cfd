"""Mode 3: deciding what waits for me. Nothing is signed that was not verified, restated and confirmed with Enter.

A decision names the hashes that were on the screen when its box was opened; a request that has another by then is not
signed, and the screen says so. What writes is confirmed once more, one by one, by typing the database's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content

from p0_access.errors import P0Error
from p0_tui.assessment import writes
from p0_tui.backend import Choice
from p0_tui.emergency import is_open
from p0_tui.modes.messages import (
    EndWanted,
    Failed,
    ListsChanged,
    Tell,
    error_content,
    signed_out,
    unanswered,
)
from p0_tui.modes.reviewing import Reviewing
from p0_tui.narrowing import Narrowed
from p0_tui.safe import joined, safe, stacked
from p0_tui.screens.confirm_typed import ConfirmTypedScreen
from p0_tui.screens.narrow import NarrowScreen
from p0_tui.widgets.decision_box import DecisionBox
from p0_tui.widgets.request_list import RequestList
from p0_tui.widgets.review import restated

if TYPE_CHECKING:
    from p0_launcher.emergencies import Afterwards
    from p0_launcher.review import Review


class InboxMode(Reviewing):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "decide('approve')", "Approve", show=False),
        Binding("X", "decide('deny')", "Deny", show=False),
        Binding("n", "narrow", "Approve less", show=False),
        Binding("space", "mark", "Mark", show=False),
    ]
    _asked: Mapping[str, tuple[Review, Narrowed | None]] = {}
    """What the box says, by hash: the reviews, and what is left of them."""

    _asked_afterwards: Afterwards | None = None
    """The emergency that the box says was looked at."""

    def action_mark(self) -> None:
        listed = self.query_one(RequestList)
        if listed.has_focus:
            listed.mark()

    @work(exclusive=True, group="narrow")
    async def action_narrow(self) -> None:
        review, view = self._decidable, self._view
        if review is None or view is None:
            self._say_why_not()
            return
        narrowed = await self.app.push_screen_wait(NarrowScreen(review, self._tags, self._narrowed))
        if narrowed is not None and self._review is not None and self._review.ah == review.ah:
            whole = (review.admission.permissions, review.ttl)
            self._narrowed = None if (narrowed.permissions, narrowed.ttl) == whole else narrowed
            self._show_review()

    def action_decide(self, choice: Choice) -> None:
        marked = self.query_one(RequestList).marked
        if marked:
            self._gather(choice, marked)
            return
        emergency = self._emergency
        if emergency is not None and choice == "approve":
            self._ask_whether_looked_at(emergency)
        elif emergency is not None:
            self._end(emergency)
        elif (review := self._decidable) is not None:
            self._ask(choice, [review], ())
        else:
            self._say_why_not()

    @property
    def _decidable(self) -> Review | None:
        """What is shown, if this person can approve or deny it."""
        from p0_launcher.review import Review

        shown = self._review
        can = isinstance(shown, Review) and self._view is not None and self._why_not(self._view) is None
        return shown if can and isinstance(shown, Review) else None

    @property
    def _emergency(self) -> Afterwards | None:
        """What is shown, if it is an emergency that this person can look at afterwards."""
        from p0_launcher.emergencies import Afterwards

        shown = self._review
        can = self._view is not None and self._why_not(self._view) is None
        return shown if can and isinstance(shown, Afterwards) else None

    def _say_why_not(self) -> None:
        why = None if self._view is None or self._review is None else self._why_not(self._view)
        if why is None and self._emergency is not None:
            why = "It was given already: A says that you looked at it, X ends it, if you may."
        self.post_message(Tell(safe(why or "There is nothing verified here to decide."), bad=True))

    @work(exclusive=True, group="gather")
    async def _gather(self, choice: Choice, rids: Sequence[str]) -> None:
        """Fetches and verifies all that are marked, then asks once for those that can be decided together."""
        ready: list[Review] = []
        left_out: list[str] = []
        for rid in rids:
            try:
                view = await self._backend.request(rid)
                if is_open(view):
                    left_out.append(f"{rid}: an emergency: look at it by itself")
                    continue
                review = self._backend.review(view)
            except P0Error as error:
                left_out.append(f"{rid}: {error}")
                continue
            why = self._why_not(view)
            if why is None and choice == "approve" and writes(review.admission.permissions):
                why = "it writes: decide it by itself"
            if why is None:
                ready.append(review)
            else:
                left_out.append(f"{rid}: {why}")
        if ready:
            self._ask(choice, ready, left_out)
        else:
            self.post_message(Tell(safe("; ".join(left_out)), bad=True))

    def _ask(self, choice: Choice, reviews: Sequence[Review], left_out: Sequence[str]) -> None:
        asked = [(review, self._narrowed_of(review) if choice == "approve" else None) for review in reviews]
        self._asked = {review.ah: (review, narrowed) for review, narrowed in asked}
        head = "Approve" if choice == "approve" else "Deny, so not"
        lines: list[Content] = []
        if len(asked) > 1:
            lines.append(safe(f"{head} {len(asked)} requests, each signed by itself, with one comment:", "bold"))
            lines.extend(safe(f"· {restated(review, narrowed)}") for review, narrowed in asked)
        else:
            ((review, narrowed),) = asked
            lines.append(safe(f"{head}: {restated(review, narrowed)}", "bold"))
            lines.append(safe(f"reason given: {review.request.reason or 'none'}"))
        lines.extend(safe(f"left out: {text}", "$text-warning") for text in left_out)
        self.query_one(DecisionBox).open(choice, stacked(lines), tuple(self._asked))

    def _narrowed_of(self, review: Review) -> Narrowed | None:
        """What is left of it, if it is the one that is shown."""
        return self._narrowed if self._review is not None and self._review.ah == review.ah else None

    def _ask_whether_looked_at(self, emergency: Afterwards) -> None:
        lines = (
            safe(f"You have looked at this emergency of {emergency.requestor}, {emergency.rid}:", "bold"),
            safe(restated(emergency)),
            safe(f"reason given: {emergency.request.reason}"),
        )
        self._asked_afterwards = emergency
        self.query_one(DecisionBox).open("look", stacked(lines), (emergency.ah,))

    @work(group="sign")
    async def _close_review(self, emergency: Afterwards, comment: str) -> None:
        try:
            view = await self._backend.close_review(emergency, comment)
        except P0Error as error:
            self.post_message(Failed(error))
        else:
            said = "the agent has not answered yet" if view.reviewed_by is None else "its review is closed"
            self.post_message(Tell(safe(f"You looked at {view.rid}: {said}.")))
        self.post_message(ListsChanged())

    def _end(self, emergency: Afterwards) -> None:
        if self._view is None or self._view.state.final:
            self.post_message(Tell(safe(f"{emergency.rid} is over already. A says that you looked at it.")))
        else:
            self.post_message(EndWanted(self._view))

    @on(DecisionBox.Decided)
    def _decided(self, message: DecisionBox.Decided) -> None:
        self.screen.set_focus(self.query_one(RequestList))
        if message.choice == "look":
            if self._asked_afterwards is not None:
                self._close_review(self._asked_afterwards, message.comment)
            return
        self._sign_all(message.choice, message.comment, [self._asked[ah] for ah in message.hashes])

    @on(DecisionBox.Cancelled)
    def _cancelled(self) -> None:
        self.screen.set_focus(self.query_one(RequestList))

    @work(group="sign")
    async def _sign_all(self, choice: Choice, comment: str, asked: Sequence[tuple[Review, Narrowed | None]]) -> None:
        """One signed record each. What fails is said and does not keep the others from being signed; a later decision
        cancels nothing."""
        for review, narrowed in asked:
            signing = False
            try:
                if not await self._is_still_wanted(choice, review, narrowed):
                    continue
                signing = True
                decided = await self._backend.decide(review, choice, comment, narrowed)
            except P0Error as error:
                self._not_decided(review.rid, error, perhaps=signing and unanswered(error))
                continue
            word = "approved" if choice == "approve" else "denied"
            state = decided.state.value.replace("_", " ")
            self.post_message(Tell(safe(f"You {word} {decided.rid}; it is {state}.")))
            self.query_one(RequestList).unmark(decided.rid)
        self.post_message(ListsChanged())
        self._fetch()

    def _not_decided(self, rid: str, error: P0Error, *, perhaps: bool) -> None:
        """`perhaps`: what was signed may have arrived. The comment is there again when the box is opened once more."""
        if signed_out(error):
            self.post_message(Failed(error))
        else:
            what = "your word may have arrived, or not" if perhaps else "nothing was signed"
            self.post_message(Tell(joined((safe(f"{rid}: {what}: "), error_content(error))), bad=True))

    async def _is_still_wanted(self, choice: Choice, review: Review, narrowed: Narrowed | None) -> bool:
        """If not, nothing is to be signed, and that was said."""
        if choice == "approve" and writes(review.admission.permissions) and not await self._confirmed(review, narrowed):
            return False
        view = await self._backend.request(review.rid)
        if self._backend.review(view).ah != review.ah:
            self.post_message(Tell(safe(f"{review.rid}: changed, review again. Nothing was signed."), bad=True))
            if self._view is not None and self._view.rid == review.rid:
                await self._look(review.rid)
            return False
        return True

    async def _confirmed(self, review: Review, narrowed: Narrowed | None) -> bool:
        kinds = ", ".join(writes(review.admission.permissions if narrowed is None else narrowed.permissions))
        lines = (
            safe(f"This writes: {kinds or 'nothing, as narrowed'}", "bold $text-error"),
            safe(restated(review, narrowed)),
        )
        confirmed: bool = await self.app.push_screen_wait(ConfirmTypedScreen(stacked(lines), review.request.database))
        return confirmed
