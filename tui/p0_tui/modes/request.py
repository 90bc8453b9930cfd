"""Mode 1: write SQL, see what it needs and what the rules say, ask for it, follow it until psql can be opened.

The panel follows every key: the kernel's reading in the same frame, the server's verdict a moment later, which counts
only if nothing was typed since it was asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer

from p0_access.errors import P0Error
from p0_access.messages.views import DatabaseView, Event, Explained
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission
from p0_tui.backend import Backend, Draft
from p0_tui.drafts import Drafts
from p0_tui.modes.asking import Asking
from p0_tui.modes.catalog_pane import CatalogPane
from p0_tui.modes.following import Following
from p0_tui.modes.messages import DatabaseWanted, Failed, Tell
from p0_tui.modes.permissions_pane import PermissionsPane
from p0_tui.modes.query import QueryPane
from p0_tui.reader import Reader, is_short
from p0_tui.safe import safe
from p0_tui.widgets.catalog import CatalogTree
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.permissions import PermissionsPanel, Shown
from p0_tui.widgets.terms import Terms

READ_DELAY: Final = 0.06
CHECK_DELAY: Final = 0.12
SAVE_DELAY: Final = 0.5


class RequestMode(Asking):
    """`clock` gives seconds since the epoch. `load_catalog` gives a database's catalog, from memory if it is there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j", "submit", "Submit", priority=True),
        Binding("slash", "filter", "Filter the catalog", show=False),
        Binding("escape", "leave", "Back to the query", show=False),
    ]

    def __init__(
        self,
        backend: Backend,
        drafts: Drafts,
        reader: Reader,
        *,
        clock: Callable[[], float],
        load_catalog: Callable[[str], Awaitable[Catalog]],
    ) -> None:
        permissions = PermissionsPane(reader)
        following = Following(backend, clock=clock, id="status-pane")
        super().__init__(backend, drafts, permissions, following, id="request")
        self._backend = backend
        self._reader = reader
        self._catalog = CatalogPane()
        self._load_catalog = load_catalog
        self._database = ""
        self._typed = 0
        self._query = QueryPane(self._text_changed)
        self._pending: dict[str, Timer] = {}

    # --- what is on it

    def compose(self) -> ComposeResult:
        yield self._catalog
        with Vertical(id="middle"):
            yield self._query
            yield Pane(safe("Reason"), Terms(), jump="r", id="reason-pane")
        with Vertical(id="right"):
            yield self._permissions
            yield self._following

    def on_mount(self) -> None:
        self.fill(self._drafts.current)
        self.screen.set_focus(self.query_one(Editor))

    def start(self) -> None:
        """After the first paint, with the parser loaded: colours, and the first reading."""
        self.query_one(Editor).start_colouring()
        self._read_now()

    def show_as_tabs(self, tabs: bool) -> None:  # noqa: FBT001 - one question, asked by name
        """Where permissions and status share one place, each names the other."""
        self._permissions.show_as_tab(tabs)
        self._following.show_as_tab(tabs)

    @property
    def database(self) -> str:
        return self._database

    @property
    def catalog_missing(self) -> bool:
        """Whether a database is chosen and its catalog could not be fetched yet."""
        return bool(self._database) and self._permissions.catalog is None

    def show_databases(self, databases: Sequence[DatabaseView]) -> None:
        self._catalog.show_databases(databases)

    def event(self, event: Event) -> None:
        self._following.event(event)

    @property
    def needed(self) -> tuple[Permission, ...]:
        """What the draft needs, as far as it was understood."""
        return self._permissions.preview.needed

    def draft(self) -> Draft:
        terms = self.query_one(Terms)
        return Draft(
            database=self._database,
            sql=self.query_one(Editor).text,
            reason=terms.reason,
            ttl=terms.ttl.seconds,
            one_shot=terms.one_shot,
        )

    def fill(self, draft: Draft) -> None:
        self.query_one(Editor).replace_all(draft.sql)
        self.query_one(Terms).fill(reason=draft.reason, ttl=draft.ttl, one_shot=draft.one_shot)
        if draft.database and self._database and draft.database != self._database:
            self.post_message(DatabaseWanted(draft.database))

    def lay_out(self) -> None:
        self._query.lay_out()

    # --- the database and its catalog

    def use_database(self, name: str) -> None:
        """Works with `name` from now on, and fetches its catalog."""
        if name != self._database:
            self._database = name
            self._permissions.use_catalog(None)
            self._query.use_catalog(None)
        self._fetch_catalog(name)

    @work(exclusive=True, group="catalog")
    async def _fetch_catalog(self, name: str) -> None:
        try:
            catalog = await self._load_catalog(name)
        except P0Error as error:
            self._show(self._permissions.unanswered(error))
            return
        known = self._permissions.catalog
        if known is None or known.version != catalog.version:
            self._permissions.use_catalog(catalog)
            self._query.use_catalog(catalog)
            self._catalog.show_catalog(catalog)
        self._read_now()

    @on(CatalogTree.NameChosen)
    def _insert_name(self, message: CatalogTree.NameChosen) -> None:
        self._query.insert_name(message.parts, call=message.call)
        self.screen.remove_class("show-catalog")

    @on(CatalogTree.DatabaseChosen)
    def _choose_database(self, message: CatalogTree.DatabaseChosen) -> None:
        self.post_message(DatabaseWanted(message.name))

    def action_filter(self) -> None:
        self._catalog.open_filter()

    def action_leave(self) -> None:
        """Esc: what is offered goes; then the filter goes, the overlay goes, the query has the focus again."""
        if self._query.close_offers():
            return
        self._catalog.close_filter()
        self.screen.remove_class("show-catalog")
        self.screen.set_focus(self.query_one(Editor))

    # --- the text and its permissions

    def _text_changed(self, text: str) -> None:
        """Inside the edit: what is short is read before the frame is drawn."""
        self._typed += 1
        if text != self.followed_draft:
            self.screen.remove_class("show-status")  # another draft: what it needs counts now
        if is_short(text):
            self._read_now()
        else:
            self._later("read", READ_DELAY, self._read_now)
        self._later("save", SAVE_DELAY, self._save)

    def _read_now(self) -> None:
        text = self.query_one(Editor).text
        self._show(self._permissions.typed(text))
        if text.strip() and not self._permissions.shown.problems:
            self._later("check", CHECK_DELAY, self._check)

    @on(Terms.Changed)
    def _terms_changed(self) -> None:
        self._typed += 1
        self._later("save", SAVE_DELAY, self._save)
        self._later("check", CHECK_DELAY, self._check)

    def recheck(self) -> None:
        """The server answers again: what was not known then may be now."""
        self._read_now()

    @work(exclusive=True, group="check")
    async def _check(self) -> None:
        """Asks the server. A later key cancels this, and an answer to an earlier text is dropped."""
        asked, draft = self._typed, self.draft()
        if not draft.sql.strip() or not draft.database:
            return
        try:
            explained = await self._backend.explain(draft)
        except P0Error as error:
            if asked == self._typed:
                self._show(self._permissions.unanswered(error))
            return
        if asked == self._typed:
            self.answered(explained)

    def answered(self, explained: Explained) -> None:
        self._show(self._permissions.answered(explained))
        catalog = self._permissions.catalog
        if catalog is not None and explained.catalog_version != catalog.version:
            self.use_database(self._database)

    def _show(self, shown: Shown) -> None:
        self._query.show_problems(shown.problems, shown.statements)

    @on(PermissionsPanel.LeaveOutWanted)
    def leave_out(self) -> None:
        """Takes out of the SQL what stands in the way of an automatic grant."""
        columns = self._permissions.in_the_way
        if not columns:
            self.tell("There is no column here whose absence would spare an approval.")
            return
        try:
            self._query.leave_out(columns, self._reader)
        except P0Error as error:
            self.post_message(Failed(error))
        else:
            self.tell(f"{', '.join(f'{item.object}.{item.column}' for item in columns)} left out. ^Z takes it back.")

    @on(Terms.Submitted)
    def _submit_from_terms(self) -> None:
        self.action_submit()

    # --- drafts

    def save_now(self) -> None:
        """Before the application goes."""
        if self.is_mounted:
            self._save()
        self._drafts.close()

    def _save(self) -> None:
        before = self._drafts.problem
        self._drafts.save(self.draft())
        if self._drafts.problem and self._drafts.problem != before:
            self.post_message(Tell(safe(self._drafts.problem), bad=True))

    def _later(self, name: str, delay: float, action: Callable[[], object]) -> None:
        """Runs `action` after `delay` seconds without another call of the same name."""
        running = self._pending.get(name)
        if running is not None:
            running.stop()
        self._pending[name] = self.set_timer(delay, action, name=name)
