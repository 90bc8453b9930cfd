"""The permissions panel: what the SQL needs and what the rules say to it, as it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message

from p0_access.permissions.reading import ReadingWarning, Refused
from p0_tui.assessment import Assessment
from p0_tui.paint import MUTED, easier_line, judged_lines, needed_lines, problem_lines
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.widgets.prose import Prose


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """All that the panel shows. With `problems` the assessment is the last good one, dimmed as stale. `statements` is
    how many the text has."""

    assessment: Assessment | None = None
    problems: Sequence[Refused] = ()
    warnings: Sequence[ReadingWarning] = ()
    checking: bool = False
    notice: str | None = None
    statements: int = 0


class Easier(Prose):
    """Which columns stand in the way; a click leaves them out, as `x` does."""

    def on_click(self, _: events.Click) -> None:
        self.post_message(PermissionsPanel.LeaveOutWanted())


class PermissionsPanel(VerticalScroll, can_focus=True):
    DEFAULT_CSS = """
    PermissionsPanel {
        scrollbar-size-vertical: 1;
        padding: 0 0 0 1;
        & .stale { text-opacity: 55%; }
        & Easier { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "leave_out", "Leave out what needs approval", show=False),
    ]

    class LeaveOutWanted(Message):
        """The columns that stand in the way are to be taken out of the SQL."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.shown = Shown()

    def compose(self) -> ComposeResult:
        yield Prose(id="notices")
        yield Prose(_empty(), id="judged")
        yield Easier(id="easier")  # beside the verdict, which it would change: in sight on a small screen, too
        yield Prose(id="needed")

    def action_leave_out(self) -> None:
        self.post_message(self.LeaveOutWanted())

    def show(self, shown: Shown) -> None:
        if shown == self.shown:
            return
        self.shown = shown
        if not self.is_mounted:
            return
        stale = bool(shown.problems)
        notices = problem_lines(shown.problems)
        if shown.notice:
            notices.append(safe(shown.notice, "$text-warning"))
        if stale and shown.assessment is not None:
            notices.append(safe("stale: the last SQL that was understood", MUTED))
        self.query_one("#notices", Prose).show(stacked(notices))
        self.query_one("#notices").display = bool(notices)
        judged, needed = self.query_one("#judged", Prose), self.query_one("#needed", Prose)
        for part in (judged, needed):
            part.set_class(stale, "stale")
        judged.show(_judged(shown))
        needed.show(_needed(shown))
        easier = () if stale or shown.assessment is None else shown.assessment.easier
        self.query_one(Easier).show(easier_line(easier))
        self.query_one(Easier).display = bool(easier)


def _judged(shown: Shown) -> Content:
    if shown.assessment is None:
        return EMPTY if shown.problems else _empty()
    return stacked(judged_lines(shown.assessment))


def _needed(shown: Shown) -> Content:
    if shown.assessment is None:
        return EMPTY
    lines = needed_lines(shown.assessment)
    if shown.warnings:
        lines.append(EMPTY)
        lines.extend(safe(f"! {item.message}", "$text-warning") for item in shown.warnings)
    return stacked(lines)


def _empty() -> Content:
    return safe("What your SQL needs appears here as you write it.", MUTED)
