"""The top line: target, modes with their counts, who is signed in, and whether agent and server answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from p0_access.messages.views import DatabaseView
from p0_tui.database_look import look_of
from p0_tui.live import Connection
from p0_tui.safe import EMPTY, joined, safe

Mode = Literal["request", "mine", "inbox", "history"]
MODES: Mapping[Mode, str] = {"request": "Request", "mine": "Mine", "inbox": "Inbox", "history": "History"}


class HeaderBar(Widget):
    """One line and one widget: what changes in it, such as a count, moves nothing else on the screen. Where it is too
    narrow the names of modes give way, never what is wrong with agent or server."""

    DEFAULT_CSS = """
    HeaderBar {
        height: 1;
        background: $panel;
        &.production { background: $error-muted; }
        & > .header--mode { color: $text-muted; }
        & > .header--current { background: $primary; color: $text; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"header--mode", "header--current"}

    class TargetPicked(Message):
        """A click on the database: another one is wanted."""

    class ModePicked(Message):
        """A click on a mode's name."""

        def __init__(self, mode: Mode) -> None:
            super().__init__()
            self.mode = mode

    def __init__(self) -> None:
        super().__init__()
        self._target = self._state = EMPTY
        self._current: Mode = "request"
        self._modes: Mapping[Mode, Content] = {}

    def show_target(self, database: str | None) -> None:
        if database is None:
            name = safe("no database ▾", "$foreground-muted")
        else:
            look = look_of(database)
            name = safe(f"{look.mark}{database} ▾", look.style)
        self.set_class(database is not None and look_of(database).production, "production")
        self._target = joined((safe("p0", "bold"), safe(" "), name))
        self.refresh()

    def show_modes(self, current: Mode, counts: Mapping[Mode, int], *, unread: int, narrow: bool) -> None:
        """`counts` that are zero are not shown; `unread` is how many in the inbox are; `narrow` leaves only the current
        mode's name whole."""
        self._current = current
        modes: dict[Mode, Content] = {}
        for number, (mode, name) in enumerate(MODES.items(), 1):
            mark = "▸" if mode == current else ""
            shown = name if mode == current or not narrow else name[:4]
            modes[mode] = joined((safe(f"{mark}{number} {shown}"), _count(mode, counts.get(mode, 0), unread)))
        self._modes = modes
        self.refresh()

    def show_state(self, who: str | None, database: DatabaseView | None, connection: Connection) -> None:
        """`who` only where there is room. Of the agent nothing is known while the server does not answer."""
        agent = _agent_state(database) if connection.state == "live" else EMPTY
        parts = (safe(who or "", "$foreground-muted"), agent, _LIVE[connection.state])
        self._state = joined([part for part in parts if part.plain], "  ")
        self.refresh()

    def render(self) -> Content:
        modes = (
            self._cell(content, self.get_visual_style("header--current" if mode == self._current else "header--mode"))
            for mode, content in self._modes.items()
        )
        state = self._cell(self._state)
        room = max(0, self.size.width - state.cell_length)
        left = joined((self._cell(self._target), *modes)).truncate(room, ellipsis=True, pad=True)
        return joined((left, state))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        end = self._cell(self._target).cell_length
        if at.x < end:
            self.post_message(self.TargetPicked())
            return
        for mode, content in self._modes.items():
            start, end = end, end + self._cell(content).cell_length
            if start <= at.x < end:
                self.post_message(self.ModePicked(mode))

    @staticmethod
    def _cell(content: Content, style: Style | None = None) -> Content:
        padded = content.pad(1, 1)
        return padded if style is None else padded.stylize_before(style)


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
