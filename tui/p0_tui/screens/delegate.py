"""Letting somebody approve in one's place for a while. Signs nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from p0_access.messages.records import MAX_REASON
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput
from p0_tui.widgets.terms import TtlInput, lifetime_problem

if TYPE_CHECKING:
    from p0_launcher.mandates import Delegating


class DelegateScreen(Dialog["Delegating | None"]):
    """Ends with what is to be signed, or None."""

    DEFAULT_CSS = """
    DelegateScreen TtlInput { width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Back", show=False)]

    def __init__(self, *, own_issuer: str) -> None:
        super().__init__(classes="grave list")
        self._own_issuer = own_issuer

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose(safe("Let somebody approve in your place", "bold"))
            yield Prose(safe("Never their own requests, nor yours. You may withdraw it at any time.", MUTED))
            yield Prose(safe("who: a verified address, a subject of your issuer, or issuer#subject", MUTED))
            yield SafeInput("sam@corp.example", id="delegate-who")
            yield SafeInput("only as one of these groups, by comma; empty: in all", id="delegate-groups")
            with Horizontal(classes="row"):
                yield Prose(safe("stands for:"), classes="label")
                yield TtlInput(value="8h", limit=8, id="delegate-for")
            yield SafeInput("why, for the record", limit=MAX_REASON, id="delegate-comment")
            yield Prose(EMPTY, id="delegate-problem", classes="problem")
            yield Prose(safe("Tab next   Enter goes on; nothing is signed yet   Esc back", MUTED))

    def action_close(self) -> None:
        self.finish(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        lasting = self.query_one(TtlInput)
        problem = "Say who." if not self._value("who") else lifetime_problem(lasting)
        if problem is None:
            self.finish(self._delegating(lasting.seconds or 0))
        else:
            self.query_one("#delegate-problem", Prose).show(safe(problem))

    def _value(self, name: str) -> str:
        return self.query_one(f"#delegate-{name}", SafeInput).value.strip()

    def _delegating(self, lifetime: int) -> Delegating:
        from p0_launcher.mandates import Delegating, named

        groups = tuple(part.strip() for part in self._value("groups").split(",") if part.strip())
        return Delegating(
            person=named(self._value("who"), own_issuer=self._own_issuer),
            groups=groups or None,
            lifetime=lifetime,
            comment=self._value("comment"),
        )
