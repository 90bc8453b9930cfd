"""The status pane: one request from submitted to ready and to its end, live, with a countdown while it is open."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from p0_access.errors import P0Error
from p0_access.messages.views import RequestView, State
from p0_tui.emergency import review_state
from p0_tui.paint import MUTED, step_lines
from p0_tui.safe import joined, safe, stacked
from p0_tui.timeline import steps
from p0_tui.times import clock
from p0_tui.widgets.prose import Prose


class StatusPane(VerticalScroll, can_focus=True):
    DEFAULT_CSS = """
    StatusPane {
        scrollbar-size-vertical: 1;
        padding: 0 0 0 1;
    }
    """

    _events = 0

    def compose(self) -> ComposeResult:
        yield Prose(_empty(), id="timeline")

    def on_resize(self) -> None:
        """What happened last stays in sight."""
        self.scroll_end(animate=False)

    def show(self, request: RequestView | None, now: float) -> None:
        """`now` is in seconds since the epoch, by the caller's clock. What happened last is brought into sight."""
        self.query_one("#timeline", Prose).show(_empty() if request is None else timeline(request, now))
        events = 0 if request is None else len(request.events)
        if events != self._events:
            self._events = events
            self.scroll_end(animate=False)

    def say(self, content: Content) -> None:
        """`content` instead of a request."""
        self.query_one("#timeline", Prose).show(content)
        self._events = 0
        self.scroll_home(animate=False)


def not_submitted(error: P0Error, *, perhaps: bool) -> Content:
    """Nothing is on its way, or nobody knows (`perhaps`): why, and that it can be asked for again."""
    head = "? not known whether it arrived" if perhaps else "✗ not submitted"
    again = "Mine shows it if it did. ^J asks once more." if perhaps else "^J submits it then."
    lines = [safe(head, "bold $text-error"), safe(str(error))]
    if error.hint:
        lines.append(safe(error.hint, MUTED))
    return stacked([*lines, safe(f"Your draft is kept. {again}")])


def timeline(request: RequestView, now: float) -> Content:
    """The steps, then how it ended or how long it lasts."""
    lines = step_lines(steps(request, request.events, now), now)
    if request.state is State.ACTIVE and request.not_after is not None:
        left = safe(f"⏳ {clock(request.not_after - now)} left", "bold $text-success")
        lines.append(joined((left, safe("  F2 opens psql" if request.mine else "", MUTED))))
    review = review_state(request, now)
    if review is not None:
        bad, said = review
        lines.append(safe(f"▲ {said}", "bold $text-error" if bad else "bold $text-warning"))
    if request.state.final and request.message:
        lines.append(safe(request.message, "bold $text-error" if request.state is not State.ENDED else ""))
        if request.hint:
            lines.append(safe(request.hint, MUTED))
    return stacked(lines)


def _empty() -> Content:
    return safe("^J submits. What happens then is shown here.", MUTED)
