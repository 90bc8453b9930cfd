"""The Textual application: theme, palette and the work screen. What is on the screen is `screens.work`'s."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.worker import WorkerFailed

from p0_launcher.attention import sequence
from p0_tui.backend import Backend
from p0_tui.drafts import Drafts
from p0_tui.modes.messages import Decided
from p0_tui.private_file import write_private
from p0_tui.psql import Handover
from p0_tui.safe import safe, visible
from p0_tui.screens.work import WorkScreen
from p0_tui.terminal import lend
from p0_tui.themes import LIGHT_THEME, NAMES, PLAIN_THEME, keep_theme, read_theme

NOTICED_SECONDS: Final = 2.0


class P0App(App[None]):
    """`state` is the directory for drafts and copied commands, None to keep nothing; `started` is called once all that
    is always needed is loaded. Once it has ended, `handover` is the psql that it was left for, if it was."""

    TITLE = "p0"
    CSS_PATH = Path(__file__).with_name("p0.tcss")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    SUSPENDED_SCREEN_CLASS = "below"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Quit", show=False, priority=True)]

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], float],
        state: Path | None,
        database: str | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._backend = backend
        self._state = state
        self._clock = clock
        self.handover: Handover | None = None
        self._work = WorkScreen(
            backend,
            Drafts(state),
            clock=self._now,
            run=self._run_program,
            copy=self._copy,
            leave=self._leave_for,
            started=started,
            database=database,
        )

    def get_default_screen(self) -> Screen[None]:
        """Cheaper than pushing a screen over an empty default one."""
        return self._work

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's own
        """Titles are constants: the palette reads markup in them."""
        work = self._work
        yield SystemCommand("Submit", "Ask for what the draft needs (^J)", work.submit)
        yield SystemCommand("Open psql", "On the access that is ready (F2)", work.action_psql)
        yield SystemCommand("Run the SQL", "In psql, and come back (F3)", work.action_run)
        yield SystemCommand("Become psql", "Leave p0 tui for psql on the access that is ready (^O x)", work.hand_over)
        yield SystemCommand("Edit in $EDITOR", "The query, in your own editor (^E)", work.action_edit)
        yield SystemCommand("Lay out the SQL", "By sqlglot; ^Z takes it back (^O f)", work.request.lay_out)
        yield SystemCommand(
            "Leave out", "The columns that need approval, where that is plain (^O -)", work.request.leave_out
        )
        yield SystemCommand("Recent SQL", "What was submitted or put aside (^O h)", work.request.choose_recent)
        yield SystemCommand("Open file", "A file of SQL (^O o)", work.request.open_file)
        yield SystemCommand("Save file", "The SQL, as a file (^O w)", work.request.save_file)
        yield SystemCommand("Break the glass", "An emergency: people are told at once (^O !)", work.request.break_glass)
        yield SystemCommand("Allow", "Approve in advance what somebody may ask for", lambda: work.mandate("allow"))
        yield SystemCommand("Delegate", "Let somebody approve in your place", lambda: work.mandate("delegate"))
        yield SystemCommand("Allowances and delegations", "Those you signed or are named in (^O m)", work.mandates)
        yield SystemCommand("Choose database", "Work with another database (^O d)", work.choose_database)
        for mode, title in (("request", "Request"), ("mine", "Mine"), ("inbox", "Inbox"), ("history", "History")):
            yield SystemCommand(title, "Go to this mode", lambda mode=mode: work.action_mode(mode))
        yield SystemCommand("Reconnect", "Try the server again now (R)", work.action_reconnect)
        yield SystemCommand("Help", "Keys and signs (F1)", work.action_help)
        yield SystemCommand("Switch theme", "Dark, light, without colours", self.action_switch_theme)
        yield SystemCommand("Quit", "Leave; the draft is kept (^Q)", self.action_quit)

    def on_mount(self) -> None:
        self.register_theme(LIGHT_THEME)
        self.register_theme(PLAIN_THEME)
        self.theme = read_theme(self._state)

    def action_switch_theme(self) -> None:
        """Dark, light, without colours, and around."""
        at = NAMES.index(self.theme) if self.theme in NAMES else -1
        self.theme = NAMES[(at + 1) % len(NAMES)]
        keep_theme(self._state, self.theme)

    async def on_unmount(self) -> None:
        await self._backend.close()

    async def _shutdown(self) -> None:
        """The draft first; then workers: Textual would take the widgets away under those that wait for the server."""
        self._work.request.save_now()
        self.workers.cancel_all()
        await super()._shutdown()

    def _fatal_error(self) -> None:
        """Textual would print the local variables of every frame: sessions, environments, an opened password (Rich
        looks past a record's own `repr`). So: the plain traceback, made visible, and nothing else."""
        error = self._exception.error if isinstance(self._exception, WorkerFailed) else self._exception
        report = visible("".join(traceback.format_exception(error)))
        self.bell()
        said = f"{report}p0 tui stopped on an error of its own. The draft is kept."
        self.panic(Text(said, no_wrap=True, overflow="ignore"))

    def _now(self) -> float:
        """By the server's clock, whose times the countdowns go to. Small differences may be the wire's."""
        ahead = self._backend.server_ahead()
        return self._clock() + (ahead if abs(ahead) > NOTICED_SECONDS else 0.0)

    @on(Decided)
    def _call(self, message: Decided) -> None:
        """The bell, and a notice on the desktop where the terminal can: as `p0 psql` does when its wait is over."""
        if self._driver is not None:
            self._driver.write(sequence(message.text))

    def _leave_for(self, handover: Handover) -> None:
        self.handover = handover
        self.exit()

    async def _run_program(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        pause: bool = False,
    ) -> int:
        return await lend(self, argv, environment=environment, descriptors=descriptors, pause=pause)

    def _copy(self, text: str) -> Content:
        """The clipboard can only be written to, by OSC 52, and nobody says whether it worked."""
        self.copy_to_clipboard(text)
        if self._state is None:
            return safe("Copied, if this terminal allows it.")
        path = self._state / "copied.txt"
        try:
            write_private(path, text.encode() + b"\n")
        except OSError:
            return safe("Copied, if this terminal allows it.")
        return safe(f"Copied, or saved to {path}")
