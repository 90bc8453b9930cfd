"""New rules under a running server and agent, as people meet them; a session by itself; who is waited for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import pytest

from fix_stage import Ran, p0, part
from p0_demo.stage import DANA, DATABASE, SAM, Stage

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


def in_files_of_their_own(stage: Stage) -> tuple[Path, Path]:
    """The rules of server and agent, which have one file otherwise."""
    servers, agents, settings = (stage.directory / name for name in ("rules.yaml", "agents.yaml", "agent.toml"))
    agents.write_text(servers.read_text())
    settings.write_text(settings.read_text().replace(servers.name, agents.name))
    return servers, agents


async def test_rules_change_while_everything_runs() -> None:
    async with Stage(attended=False) as stage:
        files = in_files_of_their_own(stage)
        async with part(stage, "server") as server, part(stage, "agent") as agent:
            assert (await p0(stage, DANA, "login", "--insecure-storage")).status == 0
            await until_match(stage, match=True)
            assert (await ask(stage, "select 1")).out == "1\n"
            good = files[1].read_text()

            def rules_are(text: str, *of: Path) -> None:
                for path in of or files:
                    path.write_text(text)
                for process in (server, agent):
                    os.kill(process.pid, signal.SIGHUP)

            rules_are(good + "nonsense\n")
            await until_logged(stage, "old ones stay")
            assert (await ask(stage, "select 2")).out == "2\n"

            connect = "access: {privileges: [CONNECT]}\n    approval: {"
            rules_are(good)
            rules_are(good.replace(f"{connect}auto: true", f"{connect}auto: true, step_up: true"), files[1])
            await until_match(stage, match=False)
            signed_in_for = await ask(stage, "select 2 + 2")
            assert (signed_in_for.status, signed_in_for.out) == (0, "4\n"), signed_in_for
            assert "this needs a sign-in of its own" in signed_in_for.err, "the agent alone wants it"
            listed = json.loads((await p0(stage, DANA, "requests", "--json")).out)
            assert [each["code"] for each in listed[:2]] == [None, "step_up_required"]

            closed = good.replace(f"{connect}auto: true", f"{connect}deny: Not today.")
            assert closed != good
            rules_are(closed)
            await until_logged(stage, "replaced")
            await until_match(stage, match=True)
            denied = await ask(stage, "select 3")
            assert (denied.status, denied.out) == (77, "")
            assert "Not today." in denied.err

            rules_are(
                good.replace(
                    "      count: 1\n      max_ttl: 30m", "      escalate: {after: 1s, to: {groups: [dba]}}", 1
                )
            )
            await who_is_asked_later_is_told_of_it_and_approves(stage)


async def who_is_asked_later_is_told_of_it_and_approves(stage: Stage) -> None:
    await until_match(stage, match=True)
    assert (await p0(stage, SAM, "login", "--insecure-storage")).status == 0
    asked = await ask(stage, "select phone from enterprise.customers where id = 11")
    assert (asked.status, "(privacy 0/1)" in asked.err or "(privacy or dba 0/1)" in asked.err) == (75, True), asked
    (rid,) = set(re.findall(r"r-[a-z2-7]{8}", asked.err))
    async with asyncio.timeout(30):
        while (seen := await p0(stage, SAM, "show", rid)).status != 0:
            assert "there is no request" in seen.err
    assert "pending (privacy or dba 0/1)" in seen.out, seen
    approved = await p0(stage, SAM, "approve", rid, "--yes")
    assert approved.status == 0, approved
    resumed = await p0(stage, DANA, "psql", "--resume", rid, "--", "-At")
    assert resumed.status == 0, resumed


async def test_a_requestor_sees_who_is_waited_for_and_every_rule_that_was_considered(stage: Stage) -> None:
    asked = await ask(stage, "select phone from enterprise.customers where id = 8")
    assert asked.status == 75, asked
    (rid,) = set(re.findall(r"r-[a-z2-7]{8}", asked.err))
    shown = await p0(stage, DANA, "show", rid)
    because = "1 of privacy (rule customers-pii) because enterprise.customers.phone is pii"
    assert f"waits for  {because}" in shown.out, shown
    assert "rules considered" not in shown.out
    for arguments in (("show", rid, "--trace"), ("rules", "explain", rid)):
        told = await p0(stage, DANA, *arguments)
        assert told.status == 0, told
        assert "no-direct-writes-to-ledger: no: the relation is not ledger.*" in told.out
        assert "customers-pii: matches: enterprise.customers.phone is pii" in told.out
    assert (await p0(stage, DANA, "relinquish", rid)).status == 0


async def test_new_rules_are_held_against_what_was_asked_for(stage: Stage, tmp_path: Path) -> None:
    asked = await ask(stage, "select phone from enterprise.customers where id = 9")
    assert asked.status == 75, asked
    old = (stage.directory / "rules.yaml").read_text()
    new, export = tmp_path / "new.yaml", tmp_path / "export.jsonl"
    new.write_text(old)
    same = await p0(stage, DANA, "rules", "replay", str(new), "--save", str(export), "--fail-on", "any")
    assert same.status == 0, same
    assert "0 would be decided otherwise" in same.out
    new.write_text(old.replace("tags: [pii]}", 'tags: [pii], relations: ["no.such"]}'))
    wider = await p0(stage, DANA, "rules", "replay", str(new), "--from", str(export))
    assert wider.status == 1, wider
    assert "becomes automatic: SELECT (phone) on enterprise.customers" in wider.out
