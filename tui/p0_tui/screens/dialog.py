"""The base of the screens that come over the work screen and end with a result.

One box in the middle, as high as what is in it; a subclass says only what differs. Keys may come faster than a screen
goes away: the first answer counts, those after it are dropped.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.screen import ModalScreen

ResultT = TypeVar("ResultT")


class Dialog(ModalScreen[ResultT], Generic[ResultT]):
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            width: 72;
            max-width: 96%;
            height: auto;
            max-height: 90%;
            border: heavy $primary;
            background: $surface;
            padding: 1 2;
        }
        &.list > Vertical { padding: 0 1; }
        &.grave > Vertical { border: heavy $warning; }
        &.danger > Vertical { border: heavy $error; }
        & .problem { color: $text-error; }
        & .row { height: 1; }
        & .label { width: auto; padding: 0 1 0 0; }
    }
    """
    _finished = False

    def finish(self, result: ResultT) -> None:
        """Ends the dialog with `result`, once."""
        if not self._finished:
            self._finished = True
            self.dismiss(result)
