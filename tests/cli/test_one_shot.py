"""Accesses for one use end with psql; others stay for the next time."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from fix_stage import p0
from p0_demo.stage import DANA, DATABASE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def state_of(stage: Stage, rid: str) -> tuple[str, str | None]:
    shown = json.loads((await p0(stage, DANA, "show", rid, "--json")).out)
    return shown["state"], shown["end_cause"]


async def run_once(stage: Stage, sql: str, *more: str) -> str:
    ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", *more, "--", "-At")
    assert ran.status == 0, ran
    (rid,) = set(re.findall(r"r-[a-z2-7]{8}", ran.err))
    return str(rid)


async def test_when_psql_has_ended_the_access_is_given_back(stage: Stage) -> None:
    rid = await run_once(stage, "select min(code) from enterprise.markets", "--one-shot")
    async with asyncio.timeout(30):
        while (state := await state_of(stage, rid)) != ("ended", "relinquished"):
            assert state[0] in {"active", "ending"}, state


async def test_an_access_that_is_kept_stays(stage: Stage) -> None:
    rid = await run_once(stage, "select max(code) from enterprise.markets", "--keep")
    assert await state_of(stage, rid) == ("active", None)


async def test_interactive_psql_shows_where_and_until_when(stage: Stage) -> None:
    """Free SQL, asked for as a grant, with psql's own prompt replaced; SQL comes from the standard input here."""
    ran = await p0(
        stage, DANA, "psql", "-d", DATABASE, "--grant", "select on enterprise.markets(code)", "--reason", "a test"
    )
    assert (ran.status, ran.out) == (0, ""), ran
