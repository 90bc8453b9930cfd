"""Server and agent are killed, come back, and everything goes on where it was.

All of it over TLS, as between machines, with a certificate of one's own CA.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fix_stage import Ran, finish, p0, part, start
from fix_tls import over_tls, self_signed
from p0_demo.stage import DANA, DATABASE, PAT, Stage

EMAILS = "select email from enterprise.customers where id = 1"
MARKETS = "select code from enterprise.markets where code = 'HU'"


@pytest.fixture
async def unattended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Stage]:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with Stage(attended=False) as up:
        over_tls(up, certificate)
        yield up


async def reachable(stage: Stage) -> None:
    """Until the server answers and the agent has published its catalog."""
    async with asyncio.timeout(60):
        while "enterprise.markets" not in (await p0(stage, DANA, "ls", DATABASE)).out:
            pass


async def state_of(stage: Stage, rid: str) -> str:
    return str(json.loads((await p0(stage, DANA, "show", rid, "--json")).out)["state"])


async def test_all_goes_on_where_it_was_after_kill_9_of_server_and_agent(unattended: Stage) -> None:
    """A request that waits, one that is made meanwhile, and an access that expires while the agent is dead."""
    stage = unattended
    async with part(stage, "server") as server, part(stage, "agent") as agent:
        async with asyncio.timeout(60):
            while (await p0(stage, DANA, "login", "--insecure-storage")).status != 0:
                pass
        assert (await p0(stage, PAT, "login", "--insecure-storage")).status == 0
        await reachable(stage)
        doctor = ("agent", "doctor", "--config", str(stage.directory / "agent.toml"))
        stranger, examined = await asyncio.gather(
            *(p0(stage, DANA, *command, SSL_CERT_FILE="") for command in (("whoami",), doctor))
        )
        assert f"the certificate of {stage.server} is not trusted" in examined.out, examined
        assert stranger.status == 69, stranger
        assert stranger.err.startswith(
            f"p0: the certificate of {stage.server} is not trusted: self-signed certificate\n"
        )
        assert "SSL_CERT_FILE" in stranger.err
        asking = await start("psql", "-d", DATABASE, "-c", EMAILS, "--reason", "x", environment=stage.environment(DANA))
        assert asking.stderr is not None
        line = await asyncio.wait_for(asking.stderr.readline(), 60)
        found = re.search(rb"r-[a-z2-7]{8}", line)
        assert found, line
        rid = found[0].decode()
        ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", MARKETS, "--reason", "x", "--ttl", "4s")
        assert (ran.status, ran.out.count("HU")) == (0, 1), ran
        server.kill()
        agent.kill()
        await asyncio.gather(server.wait(), agent.wait())
    assert len(await stage.leases()) == 2
    async with part(stage, "server"):
        async with asyncio.timeout(60):
            while await state_of_or_none(stage, rid) is None:
                pass
        assert await state_of(stage, rid) == "pending"
        approving, (other, taken_back), impatient = await asyncio.gather(
            p0(stage, PAT, "approve", rid, "--yes"),
            taken_back_at_once(stage),
            p0(stage, DANA, "psql", "-d", DATABASE, "-c", "select 1", "--reason", "x", "--timeout", "1s"),
        )  # the agent is away: they are taken, and wait for it
        assert (approving.status, taken_back.status) == (0, 0), (approving, taken_back)
        assert f"your approval of {rid} is recorded, and its agent" in approving.err
        assert "your word is recorded, and its agent has not answered yet" in taken_back.err
        assert impatient.status == 69, impatient
        assert "agent" in impatient.err
        lives_on = re.search(r"--resume (r-[a-z2-7]{8})", impatient.err)
        assert lives_on, impatient
        assert len(await stage.leases()) == 2
        async with part(stage, "agent"):
            ran = await finish(asking)
            assert ran.status == 0, ran
            assert "@example.com" in ran.out
            for active in (rid, lives_on[1]):
                relinquished = await p0(stage, DANA, "relinquish", active)
                assert (relinquished.status, "is ended" in relinquished.err) == (0, True), relinquished
            async with asyncio.timeout(30):
                while await state_of(stage, other) != "ended":
                    pass
                while ("ended", "expired") not in await ends(stage):
                    pass
            assert await stage.leases() == []


async def taken_back_at_once(stage: Stage) -> tuple[str, Ran]:
    other = (await p0(stage, DANA, "request", "-d", DATABASE, "-c", MARKETS, "--reason", "x")).out.strip()
    return other, await p0(stage, DANA, "relinquish", other)


async def ends(stage: Stage) -> list[tuple[str, str | None]]:
    listed = json.loads((await p0(stage, DANA, "requests", "--mine", "--json")).out)
    return [(row["state"], row["end_cause"]) for row in listed]


async def state_of_or_none(stage: Stage, rid: str) -> str | None:
    ran = await p0(stage, DANA, "show", rid, "--json")
    return str(json.loads(ran.out)["state"]) if ran.status == 0 else None
