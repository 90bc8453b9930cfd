"""Choosing the database to work with, filtered as one types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from p0_access.messages.views import DatabaseView
from p0_tui.paint import MUTED
from p0_tui.safe import joined, safe
from p0_tui.screens.dialog import Dialog
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.safe_input import SafeInput


class DatabaseList(LineView):
    def __init__(self, databases: Sequence[DatabaseView]) -> None:
        super().__init__()
        self._all = tuple(databases)
        self._shown = self._all

    @property
    def chosen(self) -> DatabaseView | None:
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    def filter(self, text: str) -> None:
        words = text.casefold().split()
        self._shown = tuple(item for item in self._all if all(word in item.name.casefold() for word in words))
        self.lines_changed()

    def line_count(self) -> int:
        return len(self._shown)

    def line(self, index: int, width: int) -> Content:  # noqa: ARG002 - the base's signature
        item = self._shown[index]
        state = safe("agent ✓", "$text-success") if item.online else safe("✗ agent away", "$text-error")
        rules = safe("") if item.rules_match else safe("  server and agent have different rules", "$text-warning")
        return joined((safe(f" {item.name:<28} ", "bold"), state, rules))

    def placeholder(self) -> Content:
        return safe("no such database", MUTED)


class ChooseDatabaseScreen(Dialog[str | None]):
    """Ends with a database's name, or None."""

    DEFAULT_CSS = """
    ChooseDatabaseScreen > Vertical { width: 64; height: 16; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, databases: Sequence[DatabaseView]) -> None:
        super().__init__(classes="list")
        self._databases = databases

    def action_close(self) -> None:
        self.finish(None)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield SafeInput("database", id="database-filter")
            yield DatabaseList(self._databases)

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self.query_one(DatabaseList).filter(event.value)

    @on(Input.Submitted)
    @on(LineView.Chosen)
    def _chosen(self) -> None:
        chosen = self.query_one(DatabaseList).chosen
        if chosen is not None:
            self.finish(chosen.name)

    def action_move(self, by: int) -> None:
        self.query_one(DatabaseList).action_move(by)
