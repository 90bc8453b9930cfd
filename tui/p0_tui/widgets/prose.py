"""Text on the screen. The one place that uses Textual's `Static`, whose default is to run markup in strings."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from p0_tui.safe import EMPTY


class Prose(Static):
    """Shows `Content`, wrapped to its width; a string does not type-check."""

    def __init__(self, content: Content = EMPTY, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(content, markup=False, id=id, classes=classes)

    def show(self, content: Content) -> None:
        """The rest of the screen is laid out anew only where the text decides how large this is."""
        before = self.content
        if not (isinstance(before, Content) and before.is_same(content)):
            self.update(content, layout=self.styles.auto_dimensions)
