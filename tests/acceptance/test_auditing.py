"""An auditor's way: the agent's evidence as a file, examined where neither server nor agent can bend it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fix_stage import Ran, p0
from p0_demo.stage import DANA, DATABASE, PAT, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


def kept(path: Path, text: str) -> None:
    path.write_text(text)


async def exported(stage: Stage, path: Path) -> list[str]:
    ran = await p0(stage, DANA, "agent", "audit", "--config", str(stage.directory / "agent.toml"))
    assert ran.status == 0, ran
    kept(path, ran.out)
    return ran.out.splitlines()


async def verified(stage: Stage, path: Path, lines: list[str], *options: str) -> Ran:
    kept(path, "\n".join(lines) + "\n")
    return await p0(stage, DANA, "audit", "verify", str(path), *options)


async def test_a_log_is_verified_offline_and_what_is_done_to_it_shows(stage: Stage, tmp_path: Path) -> None:
    query = ("-d", DATABASE, "-c", "select count(*) from enterprise.markets", "--reason", "An audit")
    assert (await p0(stage, DANA, "psql", *query)).status == 0
    path = tmp_path / "evidence.jsonl"
    lines = await exported(stage, path)
    whole = await verified(stage, path, lines)
    assert (whole.status, whole.out) == (0, ""), whole
    assert "held against 1 known head" in whole.err

    edited = json.loads(lines[2]) | {"at": 1}
    cut = json.loads(lines[-1])
    for broken, word in (
        ([lines[0], *lines[2:]], "gap"),
        ([*lines[:2], json.dumps(edited), *lines[3:]], "edit"),
        (lines[:2], "truncation"),
    ):
        ran = await verified(stage, path, broken)
        assert ran.status == 70
        assert ran.out.startswith(word), ran
    ran = await verified(stage, path, lines, "--head", f"{cut['n']}:{'x' * 43}", "--json")
    assert ran.status == 70
    assert [each["what"] for each in json.loads(ran.out)["findings"]] == ["fork"]

    path.write_text("\n".join(lines))
    log = await p0(stage, DANA, "audit", "log", str(path))
    assert "An audit" in log.out
    assert re.search(r"r-\w{8}: a login until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", log.out, re.MULTILINE)
    cef = (await p0(stage, DANA, "audit", "export", str(path))).out.splitlines()
    assert len(cef) == len(lines) - 1
    assert all(line.startswith("CEF:0|p0|agent|1|") for line in cef)


async def test_a_receipt_is_checked_by_somebody_who_was_not_there(stage: Stage, tmp_path: Path) -> None:
    query = ("-d", DATABASE, "-c", "select max(id) from enterprise.markets", "--reason", "A receipt")
    ran = await p0(stage, DANA, "psql", *query)
    assert ran.status == 0, ran
    listed = json.loads((await p0(stage, DANA, "requests", "--mine", "--json")).out)
    rid = next(each["rid"] for each in listed if each["reason"] == "A receipt")
    path = tmp_path / "receipt.json"

    async def shown() -> dict[str, object]:
        view: dict[str, object] = json.loads((await p0(stage, DANA, "show", rid, "--json")).out)
        path.write_text(json.dumps(view))
        return view

    view = await shown()
    if view["deletion"] is None:
        assert (await p0(stage, DANA, "audit", "receipt", str(path))).status == 64
        assert (await p0(stage, DANA, "relinquish", rid)).status == 0
        view = await shown()
    checked = await p0(stage, PAT, "audit", "receipt", str(path))
    assert (checked.status, "is gone" in checked.out) == (0, True), checked
    other = next(each["rid"] for each in listed if each["rid"] != rid)
    path.write_text(
        json.dumps(view | {"request": json.loads((await p0(stage, DANA, "show", other, "--json")).out)["request"]})
    )
    assert (await p0(stage, PAT, "audit", "receipt", str(path))).status == 70
    stranger = await p0(stage, PAT, "audit", "receipt", str(path), P0_CONFIG=str(tmp_path / "none.toml"))
    assert stranger.status == 78
