"""Mode 3: what waits for me. Shows exactly what I would sign, verified here, and signs it only after it was restated.

Fetching again never swaps what is about to be signed: a decision names the hash that was on the screen when its box was
opened, and if the request has another by then, nothing is signed and the screen says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from p0_access.errors import P0Error
from p0_access.messages.views import Event, RequestSummary, RequestView
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.settle import Tags, comment_tags
from p0_tui.backend import Backend, Choice
from p0_tui.modes.messages import Failed, ListsChanged, Tell
from p0_tui.safe import safe, stacked
from p0_tui.widgets.decision_box import DecisionBox
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.request_list import RequestList
from p0_tui.widgets.review import ReviewPane, restated

if TYPE_CHECKING:
    from p0_launcher.review import Review


class InboxMode(Container):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "decide('approve')", "Approve", show=False),
        Binding("X", "decide('deny')", "Deny", show=False),
        Binding("escape", "leave", "Back to the list", show=False),
    ]

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], float],
        load_catalog: Callable[[str], Awaitable[Catalog]],
    ) -> None:
        super().__init__(id="inbox")
        self._backend = backend
        self._clock = clock
        self._load_catalog = load_catalog
        self._view: RequestView | None = None
        self._review: Review | None = None
        self._tags: Tags = {}
        self._changed = False

    def compose(self) -> ComposeResult:
        empty = "Nothing waits for you. New requests arrive here by themselves."
        yield Pane(
            safe("To review"),
            RequestList(self._clock, empty=empty, who=True, id="inbox-list"),
            jump="l",
            id="inbox-left",
        )
        yield Pane(safe("What you would sign"), ReviewPane(id="review"), DecisionBox(), jump="t", id="inbox-right")

    def show(self, requests: Sequence[RequestSummary]) -> None:
        before = self.query_one(RequestList).chosen
        self.query_one(RequestList).show(requests)
        chosen = self.query_one(RequestList).chosen
        if chosen is None:
            self._forget()
            self.query_one(ReviewPane).show_nothing("Choose a request on the left.")
        elif before is None or before.rid != chosen.rid or before.updated != chosen.updated or self._view is None:
            self._fetch()

    def event(self, event: Event) -> None:
        if self._view is not None and event.rid == self._view.rid:
            self._fetch()

    @on(LineView.Moved)
    def _moved(self, message: LineView.Moved) -> None:
        if isinstance(message, LineView.Chosen):
            self.screen.set_focus(self.query_one(ReviewPane))
        else:
            self._fetch()

    def action_leave(self) -> None:
        self.screen.set_focus(self.query_one(RequestList))

    # --- looking

    @work(exclusive=True, group="fetch")
    async def _fetch(self) -> None:
        chosen = self.query_one(RequestList).chosen
        if chosen is None:
            return
        if self._view is not None and self._view.rid != chosen.rid:
            self._forget()
        try:
            await self._look(chosen.rid)
        except P0Error as error:
            self._forget()
            self.query_one(ReviewPane).show_nothing(str(error))

    async def _look(self, rid: str) -> None:
        """Fetches and verifies `rid` and shows it. That it has changed since it was first shown stays said."""
        before = self._review if self._view is not None and self._view.rid == rid else None
        view = await self._backend.request(rid)
        review = self._verify(view)
        if review is None:
            return
        self._tags = await self._tags_of(review)
        if before is not None and before.ah != review.ah:
            self._changed = True
            self.query_one(DecisionBox).close()
        self._view, self._review = view, review
        disabled = self._why_not(view)
        self.query_one(ReviewPane).show_review(review, view, self._tags, disabled=disabled, changed=self._changed)

    def _verify(self, view: RequestView) -> Review | None:
        """The verified review; None if there is none, and then the pane says why."""
        from p0_launcher.errors import UsageError

        try:
            return self._backend.review(view)
        except UsageError as error:  # it holds, but there is nothing to decide
            problem: P0Error = error
            show = self.query_one(ReviewPane).show_undecidable
        except P0Error as error:
            problem = error
            show = self.query_one(ReviewPane).show_unverified
        self._forget()
        self._view = view
        show(problem)
        return None

    async def _tags_of(self, review: Review) -> Tags:
        """Tags are a help to the eye, taken from comments: without the catalog there are none."""
        try:
            catalog = await self._load_catalog(review.request.database)
        except P0Error:
            return {}
        return comment_tags(catalog, review.admission.permissions)

    def _why_not(self, view: RequestView) -> str | None:
        if view.mine:
            return "You asked for this yourself: somebody else has to approve it."
        if not view.reviewable:
            return "Not yours to decide: you are not among its approvers, or have decided already."
        return None

    def _forget(self) -> None:
        self._view = self._review = None
        self._changed = False
        self.query_one(DecisionBox).close()

    # --- deciding

    def action_decide(self, choice: Choice) -> None:
        review, view = self._review, self._view
        if review is None or view is None:
            self.post_message(Tell(safe("There is nothing verified here to decide."), bad=True))
            return
        disabled = self._why_not(view)
        if disabled is not None:
            self.post_message(Tell(safe(disabled), bad=True))
            return
        head = "Approve: " if choice == "approve" else "Deny, so not: "
        what = stacked(
            (safe(head + restated(review), "bold"), safe(f"reason given: {review.request.reason or 'none'}"))
        )
        self.query_one(DecisionBox).open(choice, what, review.ah)

    @on(DecisionBox.Decided)
    def _decided(self, message: DecisionBox.Decided) -> None:
        self.screen.set_focus(self.query_one(RequestList))
        self._sign(message.choice, message.comment, message.ah)

    @on(DecisionBox.Cancelled)
    def _cancelled(self) -> None:
        self.screen.set_focus(self.query_one(RequestList))

    @work(exclusive=True, group="sign")
    async def _sign(self, choice: Choice, comment: str, ah: str) -> None:
        view = self._view
        if view is None:
            return
        try:
            await self._look(view.rid)
            review = self._review
            if review is None or review.ah != ah:
                self.post_message(Tell(safe("Changed, review again: nothing was signed."), bad=True))
                return
            decided = await self._backend.decide(review, choice, comment)
        except P0Error as error:
            self.post_message(Failed(error))
        else:
            word = "approved" if choice == "approve" else "denied"
            state = decided.state.value.replace("_", " ")
            self.post_message(Tell(safe(f"You {word} {decided.rid}; it is {state}.")))
            self._fetch()
        self.post_message(ListsChanged())
