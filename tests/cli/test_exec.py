"""`p0 exec` gives any program that reads libpq's environment an access; `p0 request` only asks."""

from __future__ import annotations

import json
import sys

import pytest

from fix_stage import Ran, p0
from p0_demo.stage import DANA, DATABASE, PAT, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def execute(stage: Stage, *arguments: str) -> Ran:
    """With psql and its companions on the PATH."""
    tools = f"{stage.postgres.psql.parent}:/usr/bin:/bin"
    return await p0(stage, DANA, "exec", "-d", DATABASE, "--reason", "a test", *arguments, PATH=tools)


async def test_a_program_and_its_children_connect_and_see_no_password(stage: Stage) -> None:
    script = 'env | grep -c ^PGPASSWORD; psql -XAtc "select max(code) from enterprise.markets"'
    ran = await execute(stage, "--grant", "select on enterprise.markets(code)", "--", "sh", "-c", script)
    assert (ran.status, ran.out) == (0, "0\nUS\n"), ran


async def test_a_script_connects_through_its_driver(stage: Stage) -> None:
    script = "import psycopg; print(psycopg.connect().execute('select code from enterprise.markets').rowcount)"
    ran = await execute(stage, "--grant", "select on enterprise.markets", "--", sys.executable, "-c", script)
    assert (ran.status, ran.out) == (0, "12\n"), ran


async def test_sql_says_which_permissions_are_asked_for(stage: Stage) -> None:
    sql = "select region from enterprise.markets"
    ran = await execute(stage, "-c", sql, "--", "psql", "-XAtc", "select count(region) from enterprise.markets")
    assert (ran.status, ran.out) == (0, "12\n"), ran
    assert "by its SQL this asks for" in ran.err, "read here, over what the agent signed"
    assert "SELECT on enterprise.markets (region)" in ran.err, "what is signed is said, since the program is not seen"
    beyond = await execute(stage, "-c", sql, "--", "psql", "-XAtc", "select name from enterprise.markets")
    assert beyond.status == 1, beyond
    assert "permission denied" in beyond.err
    (rid,) = {word for word in ran.err.split() if word.startswith("r-")}
    shown = json.loads((await p0(stage, DANA, "show", rid, "--json")).out)
    assert shown["state"] == "active"
    assert "grant" in (await p0(stage, DANA, "show", rid)).out


async def test_a_programs_status_is_passed_on(stage: Stage) -> None:
    ran = await execute(stage, "--grant", "select on enterprise.markets(code)", "--", "sh", "-c", "exit 41")
    assert ran.status == 41, ran


async def test_a_request_alone_prints_its_id_and_is_gone_on_with(stage: Stage) -> None:
    sql = "select email from enterprise.customers where id = 17"
    asked = await p0(stage, DANA, "request", "-d", DATABASE, "-c", sql, "--reason", "a test")
    assert asked.status == 0, asked
    rid = asked.out.strip()
    assert "waits for 1 of privacy" in asked.err
    assert (await p0(stage, PAT, "approve", rid, "--yes")).status == 0
    ran = await p0(stage, DANA, "psql", "--resume", rid, "--", "-At")
    assert (ran.status, ran.out.count("@example.com")) == (0, 1), ran


async def test_a_request_that_is_denied_ends_with_77(stage: Stage) -> None:
    ran = await p0(stage, DANA, "request", "-d", DATABASE, "-c", "delete from ledger.entries", "--reason", "a test")
    assert ran.status == 77, ran
    assert ran.out.startswith("r-")
    assert "ledger" in ran.err
