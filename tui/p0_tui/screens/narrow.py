"""Striking permissions and shortening the time before approving: what is left is what gets signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input

from p0_access.permissions.permission import Permission
from p0_access.permissions.settle import Tags
from p0_access.routing.durations import spell_duration
from p0_tui.narrowing import Narrowed, strikable, without
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, joined, safe, stacked
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.terms import TtlInput

if TYPE_CHECKING:
    from p0_launcher.review import Review


class PermissionList(LineView):
    """Space strikes the one under the cursor, or takes that back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,x", "strike", "Strike", show=False)]

    def __init__(self, permissions: tuple[Permission, ...], tags: Tags, struck: frozenset[Permission]) -> None:
        super().__init__()
        self._permissions = permissions
        self._tags = tags
        self.struck = struck

    def line_count(self) -> int:
        return len(self._permissions)

    def line(self, index: int, width: int) -> Content:  # noqa: ARG002 - the base's signature
        item = self._permissions[index]
        tags = sorted(self._tags.get((item.schema or "", item.object or "", item.column or ""), ()))
        mark, style = ("✗ struck ", "strike $text-error") if item in self.struck else ("✓        ", "")
        return joined((safe(mark), safe(item, style), safe("".join(f"  ▲{tag}" for tag in tags), "$text-warning")))

    def action_strike(self) -> None:
        self.struck = self.struck ^ {self._permissions[self.cursor]}
        self.refresh()
        self.post_message(self.Moved(self))

    def action_choose(self) -> None:
        """Enter does not strike: it takes what is left."""
        self.post_message(self.Chosen(self))


class NarrowScreen(Dialog[Narrowed | None]):
    """Ends with what is to be approved, or None to leave it as it was."""

    DEFAULT_CSS = """
    NarrowScreen {
        & > Vertical { width: 84; height: 80%; }
        & TtlInput { width: 12; }
        & #narrow-said { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Back", show=False)]

    def __init__(self, review: Review, tags: Tags, before: Narrowed | None) -> None:
        super().__init__(classes="list grave")
        self._review = review
        self._tags = tags
        self._asked = review.admission.permissions
        left = self._asked if before is None else before.permissions
        self._struck = frozenset(strikable(self._asked)) - frozenset(left)
        self._ttl = review.ttl if before is None else before.ttl

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose(safe("Approve less: Space strikes, Tab to the time, Enter takes the rest", "bold"))
            yield PermissionList(strikable(self._asked), self._tags, self._struck)
            with Horizontal(classes="row"):
                yield Prose(safe(f"for, at most {spell_duration(self._review.ttl)}:"), classes="label")
                yield TtlInput(value=spell_duration(self._ttl), limit=8, id="narrow-ttl")
            yield Prose(id="narrow-said")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(PermissionList))
        self._say()

    def action_close(self) -> None:
        self.finish(None)

    @on(LineView.Moved)
    @on(Input.Changed)
    def _say(self) -> None:
        self.query_one("#narrow-said", Prose).show(self._said())

    @on(LineView.Chosen)
    @on(Input.Submitted)
    def _take(self) -> None:
        ttl = self.query_one(TtlInput)
        struck = self.query_one(PermissionList).struck
        left = without(self._asked, struck)
        if not left or ttl.is_wrong or ttl.seconds is None or ttl.seconds > self._review.ttl:
            self._say()
            return
        self.finish(Narrowed(permissions=left, ttl=ttl.seconds))

    def _said(self) -> Content:
        struck = self.query_one(PermissionList).struck
        ttl = self.query_one(TtlInput).seconds
        lines = []
        if not without(self._asked, struck):
            lines.append(safe("Nothing would be left: deny it instead, with a comment.", "bold $text-error"))
        elif struck:
            who = self._review.requestor
            ends = "The SQL needs what you strike: the request ends as “needs changes”"
            told = f"and {who} is told what to leave out. For a role or a grant the rest is given."
            lines.append(safe(f"{ends}, {told}"))
        if ttl is None:
            lines.append(safe("A time looks like 15m or 1h.", "bold $text-error"))
        elif ttl > self._review.ttl:
            lines.append(safe(f"At most {spell_duration(self._review.ttl)} can be given.", "bold $text-error"))
        lines.append(EMPTY)
        lines.append(safe("Esc leaves it as it was. Nothing is signed here.", MUTED))
        return stacked(lines)
