"""Whoever looks elsewhere is called when the wait for a request is over: the bell, and a notice on the desktop."""

from __future__ import annotations

import pytest

from fix_tui import World, running, shows, until
from p0_access.messages.views import State
from p0_tui.widgets.editor import Editor


@pytest.mark.parametrize("granted", [True, False])
async def test_a_decision_rings_and_shows_on_the_desktop(
    world: World, monkeypatch: pytest.MonkeyPatch, granted: bool
) -> None:
    written: list[str] = []

    def notices() -> list[str]:
        return [each for each in written if "\x1b]9;" in each]

    async with running(world) as pilot:
        driver = pilot.app._driver
        assert driver is not None
        monkeypatch.setattr(driver, "write", written.append)
        editor = pilot.app.screen.query_one(Editor)
        editor.focus()
        editor.text = "select email from enterprise.customers where id = 7"
        await shows(pilot, "▲ NEEDS APPROVAL")
        await pilot.press("ctrl+j", *"INC-1", "enter")
        await shows(pilot, "waiting for approval")
        (rid,) = world.views
        assert notices() == []
        if granted:
            world.activate(rid)
        else:
            world.move(rid, State.DENIED, "denied", message="denied")
        await until(pilot, notices, "a notice")
    assert notices() == [f"\x1b]9;p0: {rid} is {'ready' if granted else 'denied'}\x07\a"]
