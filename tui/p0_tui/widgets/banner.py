"""The line that says that an access is open, for how long, and which key opens psql."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from p0_access.messages.views import State
from p0_tui.database_look import look_of
from p0_tui.safe import safe
from p0_tui.times import clock as time_left
from p0_tui.widgets.prose import Prose

if TYPE_CHECKING:
    from p0_launcher.access import Access


class ReadyBanner(Prose):
    """Shown while there is an access. `clock` gives seconds since the epoch."""

    DEFAULT_CSS = """
    ReadyBanner { display: none; height: 1; width: 100%; background: $success; color: $text; padding: 0 1; }
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(id="banner")
        self._clock = clock
        self.access: Access | None = None

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def show_access(self, access: Access | None) -> None:
        self.access = access
        self._tick()

    def moved(self, rid: str, state: State) -> None:
        """The request `rid` is in `state`: what it gave is gone with its end, whoever ended it."""
        if self.access is not None and self.access.rid == rid and (state.final or state is State.ENDING):
            self.show_access(None)

    def _tick(self) -> None:
        if self.access is not None and self.access.not_after <= self._clock():
            self.access = None
        self.display = self.access is not None
        if self.access is not None:
            left = time_left(self.access.not_after - self._clock())
            mark = look_of(self.access.database).mark
            where = f"{mark}{self.access.database}"
            said = f"● READY {self.access.rid}  F2 psql on {where}, F3 runs its SQL  ⏳ {left} left"
            self.show(safe(said, "bold"))
