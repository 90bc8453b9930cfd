"""A revocation that the server never sees: signed into a file, and handed to the agent on its own machine."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from fix_stage import p0
from p0_demo.stage import DANA, DATABASE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_access_is_ended_by_a_file(stage: Stage, tmp_path: Path) -> None:
    sql = "select count(*) from enterprise.markets where id > 0"
    ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", "--keep")
    rid = re.search(r"r-[a-z2-7]{8}", ran.err)
    assert rid is not None, ran
    file = tmp_path / "end.json"
    signed = await p0(stage, DANA, "relinquish", rid[0], "--to-file", str(file))
    assert signed.status == 0, signed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    config = str(stage.directory / "agent.toml")
    taken = await p0(stage, DANA, "agent", "submit", str(file), "--config", config)
    assert (taken.status, taken.err) == (0, "p0 agent: ended\n"), taken
    shown = await p0(stage, DANA, "show", rid[0])
    assert "relinquished" in shown.out, shown
    again = await p0(stage, DANA, "relinquish", rid[0], "--to-file", str(file))
    assert again.status == 64, again
    file.write_text("{}")
    nothing = await p0(stage, DANA, "agent", "submit", str(file), "--config", config)
    assert nothing.status == 78, nothing
