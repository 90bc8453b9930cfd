"""Emergencies with their review, and allowances, from the terminal UI over the real server, agent and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from fix_tui import at_the_screen, shows, until
from p0_demo.stage import DANA, NOTICES, PAT, SAM, Stage
from p0_tui.screens.work import WorkScreen
from p0_tui.widgets.editor import Editor
from p0_tui.widgets.safe_input import SafeInput

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_glass_is_broken_told_and_looked_at(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "P0_DEMO_USER"):
        monkeypatch.setenv(name, stage.environment(DANA)[name])
    async with at_the_screen(stage, DANA) as dana, at_the_screen(stage, SAM) as sam:
        dana.app.screen.query_one(Editor).text = "select phone, name from enterprise.customers where id = 11"
        dana.app.screen.query_one("#reason", SafeInput).value = "INC-11 orders are stuck"
        await shows(dana, "▲ NEEDS APPROVAL")
        await dana.press("ctrl+o", "!")
        await shows(dana, "Break the glass on mydatabase: nobody is asked", "dba are told at once", "INC-11")
        await dana.press(*"mydatabase", "enter")
        await shows(dana, "✓ ready", "● READY r-", "▲ emergency, to be looked at within")
        told = await asyncio.to_thread((stage.directory / NOTICES).read_text)
        assert "INC-11 orders are stuck" in told

        await shows(sam, "To look at, an emergency: dana@demo.example on mydatabase, INC-11")
        await sam.press("ctrl+o", "3")
        await shows(sam, "✓ verified", "! an emergency: dba are told", "reason INC-11 orders are stuck")
        await sam.press("X")
        await shows(sam, "You end r-", "on mydatabase, of dana@demo.example", "Its sessions end at once.")
        await sam.press(*"not now", "enter")
        await shows(sam, "is revoked.")
        await shows(dana, "✓ ending by sam@demo.example: not now", "✗ ended: revoked", "is over: revoked.")
        await sam.press("A", *"justified", "enter")
        await dana.press("ctrl+o", "2")
        await shows(dana, "▲ emergency, looked at by sam@demo.example")


async def test_what_is_allowed_in_advance_asks_nobody_until_it_is_withdrawn(stage: Stage) -> None:
    async with at_the_screen(stage, PAT) as pat, at_the_screen(stage, DANA) as dana:
        screen = pat.app.screen
        assert isinstance(screen, WorkScreen)
        screen.query_one(Editor).text = "select phone, market_id from enterprise.customers"
        await shows(pat, "SELECT enterprise.customers")
        await pat.press("ctrl+o", "m")
        await shows(pat, "Allowances and delegations")
        await pat.press("a")
        await until(pat, lambda: pat.app.screen.query("#allow-who"), "the form")
        pat.app.screen.query_one("#allow-who", SafeInput).value = DANA.email
        await pat.press("ctrl+j")
        await shows(pat, "You approve one request of dana@demo.example", "SELECT on enterprise.customers (")
        await pat.press("enter")
        await shows(pat, "stands. ^O m lists it", "for 0 requests")

        dana.app.screen.query_one(Editor).text = "select phone, market_id from enterprise.customers where id = 12"
        await shows(dana, "▲ NEEDS APPROVAL")
        await dana.press("ctrl+j", *"INC-12", "enter")
        await shows(dana, "✓ approved in advance", "● READY r-")

        await pat.press("d")
        await shows(
            pat, "You withdraw the allowance m-", "one request of dana@demo.example", "SELECT on enterprise.customers"
        )
        await pat.press("enter")
        await shows(pat, "is withdrawn", "for one request")
        await pat.press("escape")
        await until(pat, lambda: pat.app.screen is screen, "back")
