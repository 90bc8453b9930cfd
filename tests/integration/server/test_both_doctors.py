"""Rules that differ, and evidence that goes back: told on both sides by who examines them, and to who is refused."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import tomlkit

from fix_plane import RULES, Plane
from p0_access.encoding import b64u, sha256_b64u
from p0_access.messages.job import AgentReport
from p0_access.messages.records import LogHead
from p0_agent import config as agent_config
from p0_agent import doctor as agent_doctor
from p0_agent.link import ServerLink
from p0_server import doctor as server_doctor


def agents_side(plane: Plane, directory: Path, rules: str) -> agent_config.Settings:
    """The configuration of the plane's agent, on a machine whose cluster is away."""
    (directory / "rules.yaml").write_text(rules)
    (directory / "agent.key").write_text(b64u(plane.agent.key.seed()) + "\n")
    (directory / "agent.key").chmod(0o600)
    place = {"host": "127.0.0.1", "port": 9, "sslmode": "disable"}
    document = {
        "server": plane.url,
        "rules": "rules.yaml",
        "issuers": [{"issuer": plane.issuer.issuer.url, "client_ids": ["p0"]}],
        "cluster": place | {"home": "x", "password_file": "none", "reader_password_file": "none"},
        "advertised": place,
        "databases": [{"name": "mydatabase", "schemas": ["enterprise"]}],
    }
    (directory / "agent.toml").write_text(tomlkit.dumps(document))
    return agent_config.load(directory / "agent.toml")


async def told(plane: Plane, settings: agent_config.Settings) -> list[tuple[str, str]]:
    findings = await agent_doctor.examine(settings, clock=plane.clock, random=secrets.token_bytes)
    return [(found.level, found.what) for found in findings if found.place == "server"]


async def test_the_agents_doctor_asks_the_server_by_which_rules_it_goes(plane: Plane, tmp_path: Path) -> None:
    said = await told(plane, agents_side(plane, tmp_path, RULES))
    assert ("fact", "knows this agent, and goes by the same rules") in said
    said = await told(plane, agents_side(plane, tmp_path, RULES + "# changed\n"))
    (other,) = [what for level, what in said if level == "gap" and "other rules" in what]
    assert sha256_b64u(RULES.encode()) in other


async def test_a_server_that_does_not_know_the_agent_says_so(plane: Plane, tmp_path: Path) -> None:
    settings = agents_side(plane, tmp_path, RULES)
    (tmp_path / "agent.key").write_text(b64u(secrets.token_bytes(32)) + "\n")
    said = await told(plane, settings)
    assert any(level == "gap" and "this agent is not configured here" in what for level, what in said), said


async def test_an_announcement_is_answered_with_the_servers_rules(plane: Plane) -> None:
    answer = (await plane.agent.announce()).json()
    assert answer["rules_sha256"] == sha256_b64u(RULES.encode())
    link = ServerLink(plane.url, plane.agent.key, clock=plane.clock, random=secrets.token_bytes)
    try:
        assert await link.standing() == sha256_b64u(RULES.encode())
    finally:
        await link.close()


async def test_evidence_that_goes_back_is_found_by_the_servers_doctor(
    plane: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    for n, ahead in ((9, 0), (4, 100)):
        plane.clock.ahead = ahead
        report = AgentReport(rh="r" * 43, records=(), head=LogHead(n=n, h="h" * 43))
        assert (await plane.agent.call("POST", "/v1/agent/reports", report)).status_code in {404, 422}
    found = await server_doctor.examine(plane.settings, plane.clock, transport=plane.issuer.transport)
    assert any("its evidence log went back from entry 9 to 4" in each.what for each in found), found
    assert "went back from entry 9 to 4" in caplog.text
