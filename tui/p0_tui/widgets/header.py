"""The top line: target, modes with their counts, who is signed in, and whether agent and server answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from p0_access.messages.views import DatabaseView
from p0_tui.database_look import look_of
from p0_tui.live import Connection
from p0_tui.safe import EMPTY, joined, safe
from p0_tui.widgets.prose import Prose

Mode = Literal["request", "mine", "inbox", "history"]
MODES: Mapping[Mode, str] = {"request": "Request", "mine": "Mine", "inbox": "Inbox", "history": "History"}


class ModeTab(Prose):
    """One mode's name and count; a click goes there."""

    class Picked(Message):
        def __init__(self, mode: Mode) -> None:
            super().__init__()
            self.mode = mode

    def __init__(self, mode: Mode) -> None:
        super().__init__(id=f"tab-{mode}")
        self.mode: Mode = mode

    def on_click(self, _: events.Click) -> None:
        self.post_message(self.Picked(self.mode))


class Target(Prose):
    """The database that is being worked with; a click asks for another."""

    class Picked(Message):
        """Somebody wants another database."""

    def on_click(self, _: events.Click) -> None:
        self.post_message(self.Picked())


class HeaderBar(Horizontal):
    DEFAULT_CSS = """
    HeaderBar {
        height: 1;
        background: $panel;
        &.production { background: $error-muted; }
        & > Prose { width: auto; padding: 0 1; }
        & > #who { width: 1fr; text-align: right; }
        & > ModeTab { color: $text-muted; }
        & > ModeTab.current { background: $primary; color: $text; text-style: bold; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Target(id="target")
        for mode in MODES:
            yield ModeTab(mode)
        yield Prose(id="who")

    def show_target(self, database: str | None) -> None:
        if database is None:
            name = safe("no database ▾", "$foreground-muted")
        else:
            look = look_of(database)
            name = safe(f"{look.mark}{database} ▾", look.style)
        self.set_class(database is not None and look_of(database).production, "production")
        self.query_one("#target", Target).show(joined((safe("p0", "bold"), safe(" "), name)))

    def show_modes(self, current: Mode, counts: Mapping[Mode, int], *, unread: int, narrow: bool) -> None:
        """`counts` that are zero are not shown; `unread` is how many in the inbox are; `narrow` leaves only the current
        mode's name whole."""
        for number, (mode, name) in enumerate(MODES.items(), 1):
            tab = self.query_one(f"#tab-{mode}", ModeTab)
            tab.set_class(mode == current, "current")
            count = counts.get(mode, 0)
            mark = "▸" if mode == current else ""
            shown = name if mode == current or not narrow else name[:4]
            tab.show(joined((safe(f"{mark}{number} {shown}"), _count(mode, count, unread))))

    def show_state(self, who: str | None, database: DatabaseView | None, connection: Connection) -> None:
        """`who` only where there is room."""
        parts = (safe(who or "", "$foreground-muted"), _agent_state(database), _LIVE[connection.state])
        self.query_one("#who", Prose).show(joined([part for part in parts if part.plain], "  "))


def _count(mode: Mode, count: int, unread: int) -> Content:
    """A dot for what is open, or was not read yet."""
    if not count:
        return EMPTY
    if mode == "inbox" and not unread:
        return safe(f" {count}", "bold")
    more = f" {unread}●" if mode == "inbox" and unread < count else "●"
    return safe(f" {count}{more}", "bold $text-warning")


def _agent_state(database: DatabaseView | None) -> Content:
    if database is None:
        return EMPTY
    if not database.online:
        return safe("agent ✗ away", "bold $text-error")
    return safe("agent ✓", "$text-success") if database.rules_match else safe("▲ rules differ", "bold $text-warning")


_LIVE = {
    "live": safe("live ✓", "$text-success"),
    "connecting": safe("connecting…", "$foreground-muted"),
    "offline": safe("✗ offline", "bold $text-error"),
}
