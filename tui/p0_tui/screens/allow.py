"""Approving in advance: whose requests, of which permissions, how often and how long. Signs nothing by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from p0_access.errors import P0Error
from p0_access.messages.mandates import MAX_USES
from p0_access.messages.records import MAX_REASON
from p0_access.permissions.permission import Permission
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, safe
from p0_tui.screens.dialog import Dialog
from p0_tui.specs import specs
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_area import SafeArea
from p0_tui.widgets.safe_input import SafeInput
from p0_tui.widgets.terms import TtlInput, lifetime_problem

if TYPE_CHECKING:
    from p0_launcher.mandates import Allowance, Kind

_KINDS: Final = {"statement": ("statement",), "grant": ("grant",), "statement, grant": ("statement", "grant")}


class AllowScreen(Dialog["Allowance | None"]):
    """Ends with what is to be signed, or None. `suggested` are permissions to begin with."""

    DEFAULT_CSS = """
    AllowScreen {
        & > Vertical { width: 84; padding: 0 1; }
        & .row > SafeInput { width: 12; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back", show=False),
        Binding("ctrl+j", "take", "Go on", show=False, priority=True),
    ]

    def __init__(self, database: str, *, own_issuer: str, suggested: Sequence[Permission]) -> None:
        super().__init__(classes="grave")
        self._database = database
        self._own_issuer = own_issuer
        self._suggested = suggested

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose(safe(f"Approve in advance, on {self._database}", "bold"))
            yield Prose(safe("who: a verified address, a subject of your issuer, or issuer#subject", MUTED))
            yield SafeInput("dana@corp.example", id="allow-who")
            yield Prose(safe("for any statement within these, one a line", MUTED))
            yield SafeArea("\n".join(specs(self._suggested)), id="allow-what")
            with Horizontal(classes="row"):
                yield Prose(safe("how many requests:"), classes="label")
                yield SafeInput(value="1", limit=4, id="allow-uses")
                yield Prose(safe("each for at most:"), classes="label")
                yield TtlInput(value="1h", limit=8, id="allow-ttl")
            with Horizontal(classes="row"):
                yield Prose(safe("stands for:        "), classes="label")
                yield TtlInput(value="8h", limit=8, id="allow-for")
                yield Prose(safe("asked for as:    "), classes="label")
                yield SafeInput(value="statement", limit=16, id="allow-kinds")
            yield SafeInput("why, for the record", limit=MAX_REASON, id="allow-comment")
            yield Prose(EMPTY, id="allow-problem", classes="problem")
            yield Prose(safe("Tab next   ^J goes on; nothing is signed yet   Esc back", MUTED))

    def action_close(self) -> None:
        self.finish(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        problem = self._problem()
        if problem is None:
            try:
                allowance = self._allowance()
            except P0Error as error:
                problem = f"{error}. {error.hint or ''}"
            else:
                self.finish(allowance)
                return
        self.query_one("#allow-problem", Prose).show(safe(problem))

    def _value(self, name: str) -> str:
        return self.query_one(f"#allow-{name}", SafeInput).value.strip()

    def _problem(self) -> str | None:
        uses = self._value("uses")
        if not self._value("who"):
            return "Say whose requests."
        if not self._lines():
            return "Say which permissions, such as: SELECT on schema.table(column)"
        if not uses.isdecimal() or not 0 < int(uses) <= MAX_USES:
            return f"How many requests: 1 to {MAX_USES}."
        if self._value("kinds") not in _KINDS:
            return "Asked for as: statement, or grant, or statement, grant"
        if self.query_one("#allow-ttl", TtlInput).seconds is None:
            return "Each for at most: a time, such as 30m."
        return lifetime_problem(self.query_one("#allow-for", TtlInput))

    def _lines(self) -> list[str]:
        return [line.strip() for line in self.query_one(SafeArea).text.splitlines() if line.strip()]

    def _allowance(self) -> Allowance:
        from p0_launcher.grants import parse_grants
        from p0_launcher.mandates import Allowance, named

        return Allowance(
            person=named(self._value("who"), own_issuer=self._own_issuer),
            database=self._database,
            permissions=parse_grants(self._database, self._lines()).grant or (),
            kinds=cast("tuple[Kind, ...]", _KINDS[self._value("kinds")]),
            uses=int(self._value("uses")),
            ttl=self.query_one("#allow-ttl", TtlInput).seconds or 0,
            lifetime=self.query_one("#allow-for", TtlInput).seconds or 0,
            comment=self._value("comment"),
        )
