"""The base of the screens that come over the work screen and end with a result.

Keys may come faster than a screen goes away: the first answer counts, those after it are dropped.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.screen import ModalScreen

ResultT = TypeVar("ResultT")


class Dialog(ModalScreen[ResultT], Generic[ResultT]):
    _finished = False

    def finish(self, result: ResultT) -> None:
        """Ends the dialog with `result`, once."""
        if not self._finished:
            self._finished = True
            self.dismiss(result)
