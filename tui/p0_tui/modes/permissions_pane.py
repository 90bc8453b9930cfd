"""The permissions pane: what the draft needs and what the rules say to it, worked out as it is typed."""

from __future__ import annotations

from p0_access.errors import P0Error
from p0_access.messages.views import Explained
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission
from p0_tui.preview import Preview
from p0_tui.reader import Reader
from p0_tui.safe import EMPTY, joined, safe
from p0_tui.widgets.pane import Pane
from p0_tui.widgets.permissions import PermissionsPanel, Shown


class PermissionsPane(Pane):
    """What it shows follows `preview`: each call that may change that draws it."""

    def __init__(self, reader: Reader) -> None:
        self.preview = Preview(reader)
        self._panel = PermissionsPanel(id="permissions")
        super().__init__(safe("Permissions"), self._panel, jump="p", id="permissions-pane")

    def show_as_tab(self, tab: bool) -> None:  # noqa: FBT001 - one question, asked by name
        """Whether it shares its place with the status, and names it."""
        self.set_title(joined((safe("Permissions"), safe(" │ ^O s status") if tab else EMPTY)))

    @property
    def shown(self) -> Shown:
        return self.preview.shown

    @property
    def in_the_way(self) -> tuple[Permission, ...]:
        """The columns without which nobody would need to approve."""
        shown = self.preview.shown
        return () if shown.problems or shown.assessment is None else shown.assessment.easier

    @property
    def catalog(self) -> Catalog | None:
        return self.preview.catalog

    def use_catalog(self, catalog: Catalog | None) -> None:
        self.preview.use_catalog(catalog)

    def typed(self, sql: str) -> Shown:
        return self._draw(self.preview.typed(sql))

    def answered(self, explained: Explained) -> Shown:
        return self._draw(self.preview.answered(explained))

    def unanswered(self, error: P0Error) -> Shown:
        return self._draw(self.preview.unanswered(error))

    def _draw(self, shown: Shown) -> Shown:
        self._panel.show(shown)
        state = "" if shown.assessment is None else "checking…" if shown.checking else shown.assessment.verdict.word
        self.set_foot(safe("stale" if shown.problems else state))
        return shown
