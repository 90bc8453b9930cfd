"""Looking at what waits for me: the list, and of the chosen request exactly what I would sign, verified here.

Fetching again never swaps what is about to be signed: that a request has another hash than when it was first shown
stays said, closes the box for deciding, and takes back what was narrowed.
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
from p0_tui.backend import Backend
from p0_tui.emergency import is_open
from p0_tui.modes.messages import unanswered
from p0_tui.narrowing import Narrowed
from p0_tui.safe import safe
from p0_tui.surroundings import Surroundings, callable_by_all, held_by, holdings_of, similar_to
from p0_tui.widgets.decision_box import DecisionBox
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.request_list import RequestList
from p0_tui.widgets.review import ReviewPane

if TYPE_CHECKING:
    from p0_launcher.emergencies import Afterwards
    from p0_launcher.review import Review


class Reviewing(Container):
    """The base of the inbox. `everything` gives all requests that may be seen; `looked_at` is told what was shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back to the list", show=False)]

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], float],
        load_catalog: Callable[[str], Awaitable[Catalog]],
        everything: Callable[[], Sequence[RequestSummary]],
        looked_at: Callable[[str], None],
    ) -> None:
        super().__init__(id="inbox")
        self._backend = backend
        self._clock = clock
        self._load_catalog = load_catalog
        self._everything = everything
        self._looked_at = looked_at
        self._view: RequestView | None = None
        self._review: Review | Afterwards | None = None
        self._tags: Tags = {}
        self._surroundings = Surroundings()
        self._narrowed: Narrowed | None = None
        self._changed = False

    def compose(self) -> ComposeResult:
        empty = "Nothing waits for you. New requests arrive here by themselves."
        yield Pane(
            safe("To review"),
            RequestList(self._clock, empty=empty, who=True, marks=True, id="inbox-list"),
            jump="l",
            id="inbox-left",
        )
        yield Pane(safe("What you would sign"), ReviewPane(id="review"), DecisionBox(), jump="t", id="inbox-right")

    def show(self, requests: Sequence[RequestSummary], unread: frozenset[str]) -> None:
        listed = self.query_one(RequestList)
        before = listed.chosen
        listed.show(requests, unread=unread)
        chosen = listed.chosen
        if chosen is None:
            self._forget()
            self.query_one(ReviewPane).show_nothing("Choose a request in the list.")
        elif before is None or before.rid != chosen.rid or before.updated != chosen.updated or self._view is None:
            self._fetch()

    def on_show(self) -> None:
        """What stands there is read from now on."""
        if self._review is not None:
            self._looked_at(self._review.rid)

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
            if self._view is not None and unanswered(error):
                return  # what was verified holds, and is asked for again before it is signed
            self._forget()
            self.query_one(ReviewPane).show_nothing(str(error))

    async def _look(self, rid: str) -> None:
        """Fetches and verifies `rid` and shows it."""
        before = self._review if self._view is not None and self._view.rid == rid else None
        view = await self._backend.request(rid)
        review = self._verify(view)
        if review is None:
            return
        surroundings = await self._look_around(view, review)
        if before is not None and before.ah != review.ah:
            self._changed = True
            self._narrowed = None
            self.query_one(DecisionBox).close()
        self._view, self._review, self._surroundings = view, review, surroundings
        self._show_review()
        if self.display:
            self._looked_at(rid)

    def _show_review(self) -> None:
        review, view = self._review, self._view
        if review is not None and view is not None:
            self.query_one(ReviewPane).show_review(
                review,
                view,
                self._tags,
                self._surroundings,
                narrowed=self._narrowed,
                disabled=self._why_not(view),
                changed=self._changed,
                now=self._clock(),
            )

    def _verify(self, view: RequestView) -> Review | Afterwards | None:
        """What can be signed, verified; None if there is nothing, and then the pane says why."""
        from p0_launcher.errors import UsageError

        try:
            return self._backend.afterwards(view) if is_open(view) else self._backend.review(view)
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

    async def _look_around(self, view: RequestView, review: Review | Afterwards) -> Surroundings:
        """A help to the eye: what cannot be had of it is left out."""
        everything = self._everything()
        public: tuple[str, ...] = ()
        try:
            catalog = await self._load_catalog(review.request.database)
        except P0Error:
            self._tags = {}
        else:
            self._tags = comment_tags(catalog, review.admission.permissions)
            schemas = [item.object or "" for item in review.admission.permissions if item.privilege == "USAGE"]
            public = callable_by_all(catalog, schemas)
        try:
            held = held_by([await self._backend.request(rid) for rid in holdings_of(view, everything)])
        except P0Error:
            return Surroundings(similar=similar_to(view, everything), callable_by_all=public)
        return Surroundings(held=held, similar=similar_to(view, everything), callable_by_all=public)

    def _why_not(self, view: RequestView) -> str | None:
        if view.mine:
            return "You asked for this yourself: somebody else has to approve it."
        if is_open(view):
            return None
        if not view.reviewable:
            return "Not yours to decide: you are not among its approvers, or have decided already."
        return None

    def _forget(self) -> None:
        self._view = self._review = self._narrowed = None
        self._changed = False
        self.query_one(DecisionBox).close()
