"""Asking that an open access may last longer: for how long in all, and why."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input

from p0_access.messages.records import MAX_REASON
from p0_access.routing.durations import spell_duration
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput
from p0_tui.widgets.terms import TtlInput


class Extending(msgspec.Struct, frozen=True, kw_only=True):
    """`ttl` in seconds, from the start of the access."""

    ttl: int
    reason: str


class ExtendScreen(Dialog[Extending | None]):
    """Ends with what is asked for, or None. `lasts` is what it lasts now, from its start, in seconds."""

    DEFAULT_CSS = """
    ExtendScreen TtlInput { width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Back", show=False)]

    def __init__(self, what: Content, *, lasts: int, reason: str) -> None:
        super().__init__()
        self._what = what
        self._lasts = lasts
        self._reason = reason

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose(self._what)
            yield Prose(safe(f"It lasts {spell_duration(self._lasts)} from its start. The rules say how long it may."))
            yield Prose(EMPTY)
            with Horizontal(classes="row"):
                yield Prose(safe("in all, from its start:"), classes="label")
                yield TtlInput(value=spell_duration(self._lasts * 2), limit=8, id="extend-ttl")
            yield SafeInput("why you need it longer", value=self._reason, limit=MAX_REASON, id="extend-reason")
            yield Prose(EMPTY, id="extend-problem", classes="problem")
            yield Prose(safe("↑↓ time   Tab reason   Enter asks, as a request of its own   Esc back", MUTED))

    def action_close(self) -> None:
        self.finish(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        ttl = self.query_one(TtlInput).seconds
        reason = self.query_one("#extend-reason", SafeInput).value.strip()
        if ttl is None or ttl <= self._lasts:
            problem = f"More than {spell_duration(self._lasts)}, such as {spell_duration(self._lasts * 2)}."
        elif not reason:
            problem = "Say why."
        else:
            self.finish(Extending(ttl=ttl, reason=reason))
            return
        self.query_one("#extend-problem", Prose).show(safe(problem))
