"""Who approves a write signs in for that approval; a sign-in of some time ago will not do."""

from __future__ import annotations

import re

import msgspec
import pytest

from fix_stage import p0
from p0_demo.stage import DANA, DATABASE, PAT, SAM, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRITE = "update enterprise.markets set name = name where id = 1"


async def asked(stage: Stage, sql: str) -> str:
    """The id of Dana's request, which waits for people."""
    ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", "--no-wait")
    found = re.search(r"--resume (r-[a-z2-7]{8})", ran.err)
    assert (ran.status, found is not None) == (75, True), ran
    return found[1] if found else ""


async def test_an_approval_of_a_write_takes_a_sign_in_of_its_own(stage: Stage) -> None:
    rid = await asked(stage, WRITE)
    kept, stage.provider.behaviour = (
        stage.provider.behaviour,
        msgspec.structs.replace(stage.provider.behaviour, remembers=120),
    )
    try:
        remembered = await p0(stage, SAM, "approve", rid, "--yes")
    finally:
        stage.provider.behaviour = kept
    assert remembered.status == 78, remembered
    assert "did not ask to sign in for this" in remembered.err
    approved = await p0(stage, SAM, "approve", rid, "--yes")
    assert approved.status == 0, approved
    assert "this needs a sign-in of its own" in approved.err
    resumed = await p0(stage, DANA, "psql", "--resume", rid)
    assert (resumed.status, resumed.out) == (0, "UPDATE 1\n"), resumed


async def test_reading_and_denying_take_none(stage: Stage) -> None:
    rid = await asked(stage, "select email from enterprise.customers where id = 4")
    approved = await p0(stage, PAT, "approve", rid, "--yes")
    assert (approved.status, "sign-in of its own" in approved.err) == (0, False), approved
    rid = await asked(stage, WRITE.replace("id = 1", "id = 2"))
    denied = await p0(stage, SAM, "deny", rid, "--comment", "not today")
    assert (denied.status, "sign-in of its own" in denied.err) == (0, False), denied


async def test_whoever_lets_somebody_stand_in_signs_in_for_that(stage: Stage) -> None:
    ran = await p0(stage, SAM, "delegate", PAT.email, "--for", "1h", "--yes")
    assert ran.status == 0, ran
    assert "this needs a sign-in of its own" in ran.err
    rid = re.search(r"m-[a-z2-7]{8}", ran.out + ran.err)
    assert rid is not None
    assert (await p0(stage, SAM, "delegate", "--revoke", rid[0])).status == 0
