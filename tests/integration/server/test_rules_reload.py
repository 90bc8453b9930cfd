"""Rules that change under a running server: good ones are used, bad ones are not."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fix_plane import MARKETS, RULES, Plane
from p0_access.encoding import sha256_b64u

CLOSED = RULES.replace("approval: {auto: true}", 'approval: {deny: "Closed."}')


async def until_rules(plane: Plane, text: str) -> dict[str, object]:
    """The preview of MARKETS, as soon as it is by these rules."""
    body = {"database": "mydatabase", "statements": [MARKETS], "reason": "x"}
    async with asyncio.timeout(20):
        while True:
            told = (await plane.ada.call("POST", "/v1/explain", body)).json()
            if told["rules_sha256"] == sha256_b64u(text.encode()):
                return dict(told)
            await asyncio.sleep(0.2)  # more often than its caps allow the server answers nobody


async def until_logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(20):
        while True:
            if words in caplog.text:
                return
            await asyncio.sleep(0.05)


async def test_good_rules_are_taken_and_bad_ones_are_not(plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="p0_server.rules")
    file = plane.directory / "rules.yaml"
    before = await until_rules(plane, RULES)
    assert before["decision"]["verdict"] == "auto"  # type: ignore[index]  # JSON
    file.write_text("version: 1\nrules: nonsense\n")
    await until_logged(caplog, "rules.yaml:2:8")
    assert (await until_rules(plane, RULES))["decision"] == before["decision"]
    file.write_text(CLOSED)
    after = await until_rules(plane, CLOSED)
    assert after["decision"]["verdict"] == "deny"  # type: ignore[index]  # JSON
    assert "rules replaced" in caplog.text


async def test_a_difference_from_the_agents_rules_is_shown(plane: Plane) -> None:
    await plane.agent.announce(rules_sha256=sha256_b64u(RULES.encode()))

    async def match() -> bool:
        listed = (await plane.ada.get("/v1/databases")).json()["databases"]
        return bool(next(each for each in listed if each["name"] == "mydatabase")["rules_match"])

    assert await match()
    (plane.directory / "rules.yaml").write_text(CLOSED)
    await until_rules(plane, CLOSED)
    assert not await match()
    await plane.agent.announce(rules_sha256=sha256_b64u(CLOSED.encode()))
    assert await match()
