"""New rules under a running server and agent, as people meet them; a session by itself; who is waited for."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from fix_stage import Ran, p0, part, signed_in
from p0_demo.stage import DANA, DATABASE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(stage: Stage, sql: str) -> Ran:
    return await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", "--no-wait", "--", "-At")


async def until_match(stage: Stage, *, match: bool) -> None:
    async with asyncio.timeout(30):
        while True:
            ran = await p0(stage, DANA, "ls", "--json")
            listed = json.loads(ran.out) if ran.status == 0 else []
            if listed and listed[0]["online"] and listed[0]["rules_match"] is match:
                return


async def until_logged(stage: Stage, words: str) -> None:
    """By server and agent."""
    async with asyncio.timeout(30):
        while True:
            if all(words in (stage.directory / f"{name}.log").read_text() for name in ("server", "agent")):
                return
            await asyncio.sleep(0.05)


async def test_rules_change_while_everything_runs() -> None:
    async with Stage(attended=False) as stage, part(stage, "server") as server, part(stage, "agent") as agent:
        await signed_in(stage)
        await until_match(stage, match=True)
        assert (await ask(stage, "select 1")).out == "1\n"
        rules = stage.directory / "rules.yaml"
        good = rules.read_text()

        rules.write_text(good + "nonsense\n")
        for process in (server, agent):
            os.kill(process.pid, signal.SIGHUP)
        await until_logged(stage, "old ones stay")
        assert (await ask(stage, "select 2")).out == "2\n"

        closed = good.replace("access: {privileges: [CONNECT]}\n    approval: {auto: true}",
                              "access: {privileges: [CONNECT]}\n    approval: {deny: Not today.}")  # fmt: skip
        assert closed != good
        rules.write_text(closed)
        for process in (server, agent):
            os.kill(process.pid, signal.SIGHUP)
        await until_logged(stage, "replaced")
        await until_match(stage, match=True)
        denied = await ask(stage, "select 3")
        assert (denied.status, denied.out) == (77, "")
        assert "Not today." in denied.err
