"""Mode 1: write SQL, see what it needs and what the rules say, ask for it, follow it until psql can be opened.

The panel follows every key: the kernel's reading in the same frame, the server's verdict a moment later, which counts
only if nothing was typed since it was asked for. Submitting always asks again, and asks the person too if the answer
is not the one on the screen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Input

from p0_access.errors import P0Error
from p0_access.messages.records import MAX_REASON
from p0_access.messages.views import DatabaseView, Event, Explained, RequestView
from p0_access.permissions.catalog import Catalog
from p0_access.routing.durations import parse_duration, spell_duration
from p0_tui.backend import Backend, Draft
from p0_tui.drafts import Drafts
from p0_tui.modes.following import Following
from p0_tui.modes.messages import DatabaseWanted, Failed, ListsChanged, Tell
from p0_tui.names import identifier
from p0_tui.paint import verdict_line
from p0_tui.preview import Preview
from p0_tui.reader import Reader, is_short
from p0_tui.safe import EMPTY, joined, safe, stacked
from p0_tui.screens.confirm import ConfirmScreen
from p0_tui.verdict import Verdict
from p0_tui.widgets.catalog import CatalogTree
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.permissions import PermissionsPanel, Shown
from p0_tui.widgets.safe_input import SafeInput

READ_DELAY: Final = 0.06
CHECK_DELAY: Final = 0.12
SAVE_DELAY: Final = 0.5


class RequestMode(Container):
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
        super().__init__(id="request")
        self._backend = backend
        self._drafts = drafts
        self._preview = Preview(reader)
        self._load_catalog = load_catalog
        self._database = ""
        self._recent = -1
        self._typed = 0
        self._submitting = False
        self._following = Following(backend, clock=clock, id="status-pane")
        self._pending: dict[str, Timer] = {}

    # --- what is on it

    def compose(self) -> ComposeResult:
        yield Pane(
            safe("Catalog"),
            SafeInput("filter: words of schema.table", id="filter"),
            CatalogTree(id="catalog"),
            jump="c",
            id="catalog-pane",
        )
        with Vertical(id="middle"):
            yield Pane(safe("Query"), Editor(self._text_changed, id="editor"), jump="q", id="query-pane")
            yield Pane(
                safe("Reason"),
                Horizontal(
                    SafeInput("why you need it", limit=MAX_REASON, id="reason"),
                    SafeInput("TTL, 30m", limit=8, id="ttl"),
                ),
                jump="r",
                id="reason-pane",
            )
        with Vertical(id="right"):
            yield Pane(safe("Permissions"), PermissionsPanel(id="permissions"), jump="p", id="permissions-pane")
            yield self._following

    def on_mount(self) -> None:
        draft = self._drafts.current
        self.query_one("#filter").display = False
        self._fill(draft)
        self.screen.set_focus(self.query_one(Editor))

    def start(self) -> None:
        """After the first paint, with the parser loaded: colours, and the first reading."""
        self.query_one(Editor).start_colouring()
        self._read_now()

    def show_as_tabs(self, tabs: bool) -> None:  # noqa: FBT001 - one question, asked by name
        """Where permissions and status share one place, each names the other."""
        other = safe(" │ ^O s status") if tabs else EMPTY
        self.query_one("#permissions-pane", Pane).set_title(joined((safe("Permissions"), other)))
        self._following.show_as_tab(tabs)

    @property
    def database(self) -> str:
        return self._database

    @property
    def catalog_missing(self) -> bool:
        """Whether a database is chosen and its catalog could not be fetched yet."""
        return bool(self._database) and self._preview.catalog is None

    def show_databases(self, databases: Sequence[DatabaseView]) -> None:
        self.query_one(CatalogTree).show_databases(databases)

    def event(self, event: Event) -> None:
        self._following.event(event)

    @property
    def followed(self) -> RequestView | None:
        """The request that the status pane shows."""
        return self._following.request

    def draft(self) -> Draft:
        """What stands in the editor, the reason and the TTL now."""
        return Draft(
            database=self._database,
            sql=self.query_one(Editor).text,
            reason=self.query_one("#reason", SafeInput).value.strip(),
            ttl=self._ttl(),
        )

    def _ttl(self) -> int | None:
        """The TTL as typed; None when there is none, or it is not one, which `action_submit` says."""
        try:
            return parse_duration(self.query_one("#ttl", SafeInput).value.strip())
        except ValueError:
            return None

    # --- the database and its catalog

    def use_database(self, name: str) -> None:
        """Works with `name` from now on, and fetches its catalog."""
        if name != self._database:
            self._database = name
            self._preview.use_catalog(None)
        self._fetch_catalog(name)

    @work(exclusive=True, group="catalog")
    async def _fetch_catalog(self, name: str) -> None:
        try:
            catalog = await self._load_catalog(name)
        except P0Error as error:
            self._show(self._preview.unanswered(error))
            return
        known = self._preview.catalog
        if known is None or known.version != catalog.version:
            self._preview.use_catalog(catalog)
            self.query_one(CatalogTree).show_catalog(catalog)
        self._read_now()

    @on(CatalogTree.NameChosen)
    def _insert_name(self, message: CatalogTree.NameChosen) -> None:
        editor = self.query_one(Editor)
        editor.insert(".".join(identifier(part) for part in message.parts))
        self.screen.set_focus(editor)
        self.screen.remove_class("show-catalog")

    @on(CatalogTree.DatabaseChosen)
    def _choose_database(self, message: CatalogTree.DatabaseChosen) -> None:
        self.post_message(DatabaseWanted(message.name))

    @on(CatalogTree.Counted)
    def _count(self, message: CatalogTree.Counted) -> None:
        foot = f"{message.matched:,} of {message.total:,}" if message.matched != message.total else f"{message.total:,}"
        self.query_one("#catalog-pane", Pane).set_foot(safe(foot))

    def action_filter(self) -> None:
        box = self.query_one("#filter", SafeInput)
        box.display = True
        self.screen.set_focus(box)

    def action_leave(self) -> None:
        """Esc: the filter goes, the overlay goes, the query has the focus again."""
        box = self.query_one("#filter", SafeInput)
        if box.has_focus or box.value:
            box.value = ""
            box.display = False
        self.screen.remove_class("show-catalog")
        self.screen.set_focus(self.query_one(Editor))

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.query_one(CatalogTree).filter(event.value)

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.screen.set_focus(self.query_one(CatalogTree))

    # --- the text and its permissions

    def _text_changed(self, text: str) -> None:
        """Inside the edit: what is short is read before the frame is drawn."""
        self._typed += 1
        if is_short(text):
            self._read_now()
        else:
            self._later("read", READ_DELAY, self._read_now)
        self._later("save", SAVE_DELAY, self._save)

    def _read_now(self) -> None:
        text = self.query_one(Editor).text
        self._show(self._preview.typed(text))
        if text.strip() and not self._preview.shown.problems:
            self._later("check", CHECK_DELAY, self._check)

    @on(Input.Changed, "#reason")
    @on(Input.Changed, "#ttl")
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
                self._show(self._preview.unanswered(error))
            return
        if asked == self._typed:
            self._answered(explained)

    def _answered(self, explained: Explained) -> None:
        self._show(self._preview.answered(explained))
        catalog = self._preview.catalog
        if catalog is not None and explained.catalog_version != catalog.version:
            self.use_database(self._database)

    def _show(self, shown: Shown) -> None:
        self.query_one(PermissionsPanel).show(shown)
        first = shown.problems[0] if shown.problems else None
        self.query_one(Editor).show_error(None if first is None else (first.line - 1, first.column - 1))
        problem = EMPTY if first is None else safe(f"✗ {first.line}:{first.column} {first.message}", "$text-error")
        self.query_one("#query-pane", Pane).set_foot(problem)
        state = "" if shown.assessment is None else "checking…" if shown.checking else shown.assessment.verdict.word
        self.query_one("#permissions-pane", Pane).set_foot(safe("stale" if shown.problems else state))

    # --- submitting

    def action_submit(self) -> None:
        draft = self.draft()
        if self._submitting:
            return
        if not draft.sql.strip():
            self._refuse("Nothing to submit: write some SQL first.", "#editor")
        elif not draft.database:
            self._refuse("Choose a database first: ^O then d.", "#catalog")
        elif self._preview.shown.problems:
            first = self._preview.shown.problems[0]
            self.query_one(Editor).move_cursor((first.line - 1, first.column - 1))
            self._refuse("This SQL is not understood yet; see the permissions pane.", "#editor")
        elif draft.ttl is None and self.query_one("#ttl", SafeInput).value.strip():
            self._refuse("The TTL should look like 30m, 1h or 90m.", "#ttl")
        elif not draft.reason and not self.query_one("#reason").has_focus:
            self.screen.set_focus(self.query_one("#reason"))
            self.query_one("#reason-pane", Pane).set_foot(
                safe("Why do you need it? Enter submits", "bold $text-warning")
            )
        else:
            self._submit(draft)

    @on(Input.Submitted, "#reason")
    @on(Input.Submitted, "#ttl")
    def _submit_from_input(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_submit()

    @work(group="submit")
    async def _submit(self, draft: Draft) -> None:
        """Never cancelled by a second key: what is on its way may have arrived."""
        self._submitting = True
        try:
            view = await self._ask(draft)
        except P0Error as error:
            self.post_message(Failed(error))
            return
        finally:
            self._submitting = False
        if view is not None:
            self._following.follow(view)
            self.screen.add_class("show-status")
            self.post_message(ListsChanged())

    async def _ask(self, draft: Draft) -> RequestView | None:
        """The request that was made, or the one whose open access serves the same SQL; None if nothing was asked."""
        before = self._preview.verdict()
        open_already = await self._backend.reusable(draft)
        if open_already is not None:
            self.post_message(Tell(safe("An access for this very SQL is open already: F2 opens psql.")))
            return await self._backend.request(open_already.rid)
        self._answered(await self._backend.explain(draft))
        if self._preview.shown.problems:
            self._refuse("The server does not understand this SQL; see the permissions pane.", "#editor")
            return None
        now = self._preview.verdict()
        if now is None:
            self._refuse("The server gave no verdict. Try again.", "#editor")
            return None
        if (now != before or now[0] is Verdict.DENIED) and not await self._confirmed(before is not None, now[0]):
            return None
        self._following.set_foot(safe("submitting…"))
        self.query_one("#reason-pane", Pane).set_foot(EMPTY)
        try:
            view = await self._backend.submit(draft)
        finally:
            self._following.set_foot(EMPTY)
        self._drafts.submitted(draft)
        self._recent = -1
        return view

    async def _confirmed(self, seen: bool, verdict: Verdict) -> bool:  # noqa: FBT001 - one caller, one line above
        assessment = self._preview.shown.assessment
        assert assessment is not None
        if verdict is Verdict.DENIED:
            head = safe("The rules say no to this. The agent would refuse it, too.", "bold")
        elif seen:
            head = safe("The verdict is not the one that was on the screen. It is now:", "bold")
        else:
            head = safe("You have not seen the verdict yet:", "bold")
        lines = [head, verdict_line(verdict, assessment.headline)]
        if assessment.ttl is not None:
            lines.append(safe(f"for {spell_duration(assessment.ttl)}"))
        confirmed: bool = await self.app.push_screen_wait(ConfirmScreen(stacked(lines), "submits all the same"))
        return confirmed

    def _refuse(self, text: str, focus: str) -> None:
        self.screen.set_focus(self.query_one(focus))
        self.post_message(Tell(safe(text), bad=True))

    # --- drafts

    def load(self, draft: Draft) -> None:
        """Puts `draft` where it can be changed and submitted."""
        self._fill(draft)
        if draft.database and draft.database != self._database:
            self.post_message(DatabaseWanted(draft.database))

    def recall(self, step: int) -> None:
        """The next older (1) or newer (-1) of the recent drafts."""
        if not self._drafts.recent:
            self.post_message(Tell(safe("No recent drafts yet.")))
            return
        self._recent = max(0, min(self._recent + step, len(self._drafts.recent) - 1))
        self.load(self._drafts.recent[self._recent])

    def _fill(self, draft: Draft) -> None:
        self.query_one(Editor).text = draft.sql
        self.query_one("#reason", SafeInput).value = draft.reason
        self.query_one("#ttl", SafeInput).value = "" if draft.ttl is None else spell_duration(draft.ttl)

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
