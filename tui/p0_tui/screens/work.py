"""The work screen: header, the four modes, banner and key hints, and what modes ask for by message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import ContentSwitcher

from p0_access.errors import P0Error
from p0_access.messages.views import Event
from p0_access.permissions.permission import Permission
from p0_tui.backend import Backend
from p0_tui.drafts import Drafts
from p0_tui.external_editor import edit_text
from p0_tui.modes.messages import (
    CopyWanted,
    DatabaseWanted,
    EditWanted,
    Extended,
    Tell,
    error_content,
)
from p0_tui.modes.request import RequestMode
from p0_tui.psql import Handover, Run
from p0_tui.reader import Reader
from p0_tui.safe import safe
from p0_tui.screens.choose_database import ChooseDatabaseScreen
from p0_tui.screens.mandating import Mandating
from p0_tui.screens.navigation import COMPACT_BELOW
from p0_tui.widgets.banner import ReadyBanner
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.header import HeaderBar, Mode
from p0_tui.widgets.key_hints import KeyHints
from p0_tui.widgets.prose import Prose

if TYPE_CHECKING:  # they are loaded after the first paint
    from p0_tui.modes.history import HistoryMode
    from p0_tui.modes.inbox import InboxMode

FULL_NAMES_FROM: Final = 78
MIN_WIDTH: Final = 60
MIN_HEIGHT: Final = 18


class WorkScreen(Mandating):
    """`clock` gives seconds since the epoch; `run` runs programs on the terminal; `copy` puts text on the clipboard;
    `leave` ends the application for psql; `started` is told when all that is always needed is loaded."""

    ALLOW_IN_MAXIMIZED_VIEW = "HeaderBar, #banner, KeyHints"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+e", "edit", "$EDITOR", priority=True),
        Binding("R", "reconnect", show=False),
    ]

    _inbox: InboxMode
    _history: HistoryMode
    """With `_mine` these are there after the first paint, before anything is heard of the server."""

    def __init__(
        self,
        backend: Backend,
        drafts: Drafts,
        *,
        clock: Callable[[], float],
        run: Run,
        copy: Callable[[str], Content],
        leave: Callable[[Handover], None],
        started: Callable[[], None],
        database: str | None = None,
    ) -> None:
        super().__init__(backend)
        self._clock = clock
        self._run = run
        self._copy = copy
        self._leave = leave
        self._started = started
        self._reader = Reader()
        self._request = RequestMode(backend, drafts, self._reader, clock=clock, load_catalog=self._facts.catalog)
        self._wanted = database or drafts.current.database
        self._drafts = drafts
        self._banner = ReadyBanner(clock)

    @property
    def request(self) -> RequestMode:
        return self._request

    # --- what is on it

    def compose(self) -> ComposeResult:
        yield HeaderBar()
        with ContentSwitcher(initial="request", id="modes"):
            yield self._request
        yield self._banner
        yield KeyHints()
        yield Prose(safe("Too small for p0 tui: enlarge the terminal, or use p0 request.", "bold"), id="too-small")

    def on_mount(self) -> None:
        self.show_header()
        self.show_mode()
        self.call_after_refresh(self._start)

    @work(group="start")
    async def _start(self) -> None:
        """All that would delay the first frame: the other modes, the parser, the connection."""
        from p0_tui.modes.history import HistoryMode
        from p0_tui.modes.inbox import InboxMode
        from p0_tui.modes.mine import MineMode

        self._mine = MineMode(self._backend, clock=self._clock)
        self._inbox = InboxMode(
            self._backend,
            clock=self._clock,
            load_catalog=self._facts.catalog,
            everything=lambda: self._facts.everything,
            looked_at=self.looked_at,
        )
        self._history = HistoryMode(self._backend, clock=self._clock)
        modes = self.query_one(ContentSwitcher)
        with self.app.batch_update():  # laid out once
            for mode in (self._mine, self._inbox, self._history):
                if not modes.is_attached:
                    return  # the person has left already
                await modes.add_content(mode)
        self.modes_are_there()
        self._reader.load()
        self._request.start()
        if self._drafts.problem:
            self.post_message(Tell(safe(self._drafts.problem), bad=True))
        self._started()
        self.stay_connected()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < COMPACT_BELOW, "compact")
        self._request.show_as_tabs(width < COMPACT_BELOW)
        self.set_class(width < MIN_WIDTH or height < MIN_HEIGHT, "too-small")
        self.show_header()

    def show_header(self) -> None:
        header = self.query_one(HeaderBar)
        narrow = self.size.width < COMPACT_BELOW
        header.show_target(self._request.database or None)
        counts: dict[Mode, int] = {"mine": len(self._facts.active), "inbox": len(self._facts.to_review)}
        header.show_modes(self.mode, counts, unread=len(self._facts.unread), narrow=self.size.width < FULL_NAMES_FROM)
        me = self._facts.me
        who = None if me is None else me.subject.email or me.subject.sub
        header.show_state(None if narrow else who, self._facts.database(self._request.database), self._connection)

    # --- what is heard from the server

    def show_event(self, event: Event) -> None:
        for mode in (self._request, self._mine, self._inbox):
            mode.event(event)
        self._banner.moved(event.rid, event.state)

    def follows(self, rid: str) -> bool:
        followed = self._request.followed
        return followed is not None and followed.rid == rid

    def connected_again(self) -> None:
        self._request.recheck()

    def disconnected(self) -> None:
        if not self._request.database and self._wanted:
            self._use_database(self._wanted)  # there may be a catalog of it from last time

    def show_facts(self) -> None:
        facts = self._facts
        if not self._request.database and facts.databases:
            names = [item.name for item in facts.databases]
            self._use_database(self._wanted if self._wanted in names else names[0])
        elif self._request.catalog_missing:
            self._request.use_database(self._request.database)
        self._request.show_databases(facts.databases)
        for item in facts.mine:
            self._banner.moved(item.rid, item.state)
        self._mine.show(facts.mine)
        self._inbox.show(facts.to_review, facts.unread)
        self._history.show(facts.everything)
        self.show_header()

    # --- what modes ask for

    @on(Tell)
    def _tell(self, message: Tell) -> None:
        severity = "error" if message.bad else "information"
        self.app.notify(message.content.plain, markup=False, severity=severity)  # type: ignore[arg-type]

    @on(DatabaseWanted)
    def _database_wanted(self, message: DatabaseWanted) -> None:
        self._use_database(message.name)

    @on(HeaderBar.TargetPicked)
    def _target_picked(self) -> None:
        self.choose_database()

    @work(group="choose")
    async def choose_database(self) -> None:
        name = await self.app.push_screen_wait(ChooseDatabaseScreen(self._facts.databases))
        if name is not None:
            self._use_database(name)

    def _use_database(self, name: str) -> None:
        self._request.use_database(name)
        self.show_header()

    @on(EditWanted)
    def _edit_wanted(self, message: EditWanted) -> None:
        self.action_mode("request")
        self._request.load(message.draft)

    @on(Extended)
    def _extended(self, message: Extended) -> None:
        open_here = self._banner.access
        if open_here is not None and open_here.rid == message.view.rid and message.view.not_after is not None:
            self._banner.show_access(msgspec.structs.replace(open_here, not_after=message.view.not_after))

    @on(CopyWanted)
    def _copy_wanted(self, message: CopyWanted) -> None:
        self._tell(Tell(self._copy(message.text)))

    def suggested(self) -> tuple[str, Sequence[Permission]]:
        return self._request.database, self._request.needed

    # --- keys

    def submit(self) -> None:
        self.action_mode("request")
        self._request.action_submit()

    def jump_elsewhere(self, key: str) -> None:
        match key:
            case "d":
                self.choose_database()
            case "[" | "]":
                self._request.recall(1 if key == "[" else -1)
            case "h":
                self._request.choose_recent()
            case "o":
                self._request.open_file()
            case "w":
                self._request.save_file()
            case "f":
                self._request.lay_out()
            case "-":
                self._request.leave_out()
            case "!":
                self._request.break_glass()
            case "m":
                self.mandates()
            case "x":
                self.hand_over()

    @work(exclusive=True, group="edit")
    async def action_edit(self) -> None:
        if self.mode != "request":
            return
        editor = self.query_one(Editor)
        try:
            text = await edit_text(editor.text, self._run)
        except P0Error as error:
            self._tell(Tell(error_content(error), bad=True))
        else:
            if text != editor.text:
                editor.replace_all(text)
        self.set_focus(editor)
