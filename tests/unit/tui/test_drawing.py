"""What the terminal is sent: what has moved is drawn where it is now, and nothing stays where it was."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from rich.cells import cell_len
from textual._compositor import CompositorUpdate  # what a frame is: Textual has no public way to it
from textual.screen import Screen

from fix_tui import World, running, screen_text, shows, until
from p0_tui.app import P0App
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.permissions import PermissionsPanel

EMAILS = "select name, email from enterprise.customers"


class Drawn(P0App):
    """Keeps what a terminal would show: each frame over those before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cells: dict[tuple[int, int], str] = {}

    def _display(self, screen: Screen[object], renderable: Any) -> None:
        super()._display(screen, renderable)
        if not isinstance(renderable, CompositorUpdate) or self._batch_count:
            return
        row = column = 0
        for move, text in re.findall(r"\x1b\[([\d;]*[A-Za-z])|([^\x1b\n]+)", renderable.render_segments(self.console)):
            if move.endswith("H"):
                row, column = (int(number) - 1 for number in move[:-1].split(";"))
            for char in text:
                self._cells[row, column] = char
                column += cell_len(char)

    def drawn(self) -> str:
        width, height = self.size
        lines = ("".join(self._cells.get((row, column), " ") for column in range(width)) for row in range(height))
        return "\n".join(line.rstrip() for line in lines)


async def test_what_moves_while_lists_that_do_not_show_change_is_drawn_where_it_is(world: World) -> None:
    async with running(world, kind=Drawn, toasts=False) as pilot:
        app, screen = pilot.app, pilot.app.screen
        assert isinstance(app, Drawn)
        screen.query_one(Editor).replace_all(EMAILS)
        await shows(pilot, "▲ NEEDS APPROVAL")
        panel = screen.query_one(PermissionsPanel)
        known = panel.shown
        panel.show(msgspec.structs.replace(known, notice="no verdict: nobody answers"))
        await until(pilot, lambda: "no verdict" in app.drawn(), "the notice")
        with app.batch_update():
            screen.query_one("#mine-list").refresh()
            await pilot.pause()
            panel.show(known)
        screen._on_timer_update()  # the frame that comes between a change and its place, which is a matter of luck
        await until(pilot, lambda: app.drawn() == screen_text(pilot), "drawn as it is")
