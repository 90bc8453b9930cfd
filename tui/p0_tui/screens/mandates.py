"""Allowances and delegations: those that one signed or is named in, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from p0_access.messages.views import RequestSummary, State
from p0_tui.paint import MUTED, STEP_STYLES, columns, field
from p0_tui.safe import EMPTY, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.timeline import GLYPHS, state_text
from p0_tui.times import clock as time_left
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.prose import Prose

Wanted = Literal["allow", "delegate"] | RequestSummary
"""A new one, or the one that is to be withdrawn."""


class MandateList(LineView):
    def __init__(self, mandates: Sequence[RequestSummary], clock: Callable[[], float]) -> None:
        super().__init__()
        self._mandates = tuple(mandates)
        self._clock = clock

    @property
    def chosen(self) -> RequestSummary | None:
        return self._mandates[self.cursor] if self.cursor < len(self._mandates) else None

    def line_count(self) -> int:
        return len(self._mandates)

    def line(self, index: int, width: int) -> Content:  # noqa: ARG002 - the base's signature
        item = self._mandates[index]
        kind, word = state_text(item, self._clock())
        if item.state is State.ACTIVE and item.not_after is not None:
            word = f"{time_left(item.not_after - self._clock())} left"
        name = "allowance" if item.kind == "allow" else item.kind
        by = "you" if item.mine else item.requestor.email or item.requestor.sub
        cells = [(safe(f"{GLYPHS[kind]} {word}", STEP_STYLES[kind]), 15), (safe(name, "bold"), 10), (safe(by), 16)]
        return columns(cells, safe(item.summary))

    def placeholder(self) -> Content:
        return safe("None: a approves in advance, s lets somebody approve in your place.", MUTED)


class MandatesScreen(Dialog[Wanted | None]):
    """Ends with what is wanted, or None."""

    DEFAULT_CSS = """
    MandatesScreen {
        & > Vertical { width: 100; height: 80%; }
        & #mandate-detail { height: auto; max-height: 7; border-top: solid $panel-lighten-2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("a", "want('allow')", "Approve in advance", show=False),
        Binding("s", "want('delegate')", "Let somebody approve", show=False),
        Binding("d", "withdraw", "Withdraw", show=False),
    ]

    def __init__(self, mandates: Sequence[RequestSummary], clock: Callable[[], float]) -> None:
        super().__init__(classes="list")
        self._list = MandateList(mandates, clock)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose(safe("Allowances and delegations", "bold"))
            yield self._list
            yield Prose(id="mandate-detail")
            yield Prose(safe("a new allowance   s somebody stands in   d withdraw   Esc back", MUTED))

    def on_mount(self) -> None:
        self._show_chosen()

    @on(LineView.Moved)
    def _show_chosen(self) -> None:
        item = self._list.chosen
        self.query_one("#mandate-detail", Prose).show(EMPTY if item is None else _detail(item))

    def action_close(self) -> None:
        self.finish(None)

    def action_want(self, what: Literal["allow", "delegate"]) -> None:
        self.finish(what)

    def action_withdraw(self) -> None:
        item = self._list.chosen
        if item is None:
            return
        if item.mine and not item.state.final:
            self.finish(item)
        else:
            why = "It is over already." if item.state.final else "Only who signed it withdraws it."
            self.query_one("#mandate-detail", Prose).show(safe(why, "$text-warning"))


def _detail(item: RequestSummary) -> Content:
    lines = [field("id", item.rid, "bold"), field("what", item.summary), field("why", item.reason or "not said")]
    if item.kind == "allow":
        lines.append(field("used", "for one request" if item.used == 1 else f"for {item.used} requests"))
    return stacked(lines)
