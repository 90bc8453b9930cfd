"""The catalog pane: the tree, its filter, and what is known of the line under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.widgets import Input

from p0_access.messages.views import DatabaseView
from p0_access.permissions.catalog import Catalog
from p0_tui.safe import safe
from p0_tui.widgets.catalog import CatalogTree
from p0_tui.widgets.line_view import LineView
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.prose import Prose
from p0_tui.widgets.safe_input import SafeInput


class CatalogPane(Pane):
    """Names and databases that are chosen go on as the tree's messages."""

    def __init__(self) -> None:
        self._filter = SafeInput("filter: words of schema.table", id="filter")
        self._tree = CatalogTree(id="catalog")
        self._note = Prose(id="catalog-note")
        super().__init__(safe("Catalog"), self._filter, self._tree, self._note, jump="c", id="catalog-pane")

    def on_mount(self) -> None:
        self._filter.display = False

    def show_databases(self, databases: Sequence[DatabaseView]) -> None:
        self._tree.show_databases(databases)

    def show_catalog(self, catalog: Catalog) -> None:
        self._tree.show_catalog(catalog)

    def open_filter(self) -> None:
        self._filter.display = True
        self.screen.set_focus(self._filter)

    def close_filter(self) -> None:
        """All is shown again."""
        if self._filter.has_focus or self._filter.value:
            self._filter.value = ""
            self._filter.display = False

    @on(LineView.Moved)
    def _moved(self) -> None:
        self._note.show(self._tree.note())

    @on(CatalogTree.Counted)
    def _counted(self, message: CatalogTree.Counted) -> None:
        foot = f"{message.matched:,} of {message.total:,}" if message.matched != message.total else f"{message.total:,}"
        self.set_foot(safe(foot))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._tree.filter(event.value)

    @on(Input.Submitted)
    def _done(self) -> None:
        self.screen.set_focus(self._tree)
