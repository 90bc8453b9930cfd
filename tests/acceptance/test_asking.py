"""What people get when they ask: rows, a clear line, the right exit status. Everything real, as somebody types it."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from fix_stage import finish, p0, start
from p0_demo.stage import DANA, DATABASE, PAT, SAM, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKETS = "select code from enterprise.markets order by code limit 2"


async def ask(stage: Stage, sql: str, *more: str) -> tuple[int, str, str]:
    ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", *more)
    return ran.status, ran.out, ran.err


async def waiting(stage: Stage, sql: str) -> str:
    """The id of Dana's pending request for `sql`, as soon as somebody is asked."""
    async with asyncio.timeout(30):
        while True:
            listed = json.loads((await p0(stage, DANA, "requests", "--mine", "--json")).out)
            for row in listed:
                if row["state"] == "pending" and row["summary"] == sql:
                    return str(row["rid"])


async def test_rows_on_stdout_and_everything_else_on_stderr(stage: Stage) -> None:
    status, out, err = await ask(stage, MARKETS, "--", "-A", "-t")
    assert (status, out) == (0, "AT\nBR\n")
    assert re.search(r"p0: r-[a-z2-7]{8} is active until", err)


async def test_the_same_sql_again_reuses_the_access(stage: Stage) -> None:
    sql = "select name from enterprise.markets where code = 'HU'"
    first, second = await ask(stage, sql, "--", "-A", "-t"), await ask(stage, sql, "--", "-A", "-t")
    assert first[:2] == second[:2] == (0, "Hungary\n")
    rids = [set(re.findall(r"r-[a-z2-7]{8}", err)) for _, _, err in (first, second)]
    assert rids[0] == rids[1]


async def test_psqls_own_errors_and_statuses_pass_through(stage: Stage) -> None:
    status, out, err = await ask(stage, "select 1/0 from enterprise.markets", "--", "-v", "code=1")
    assert (status, out) == (64, "")
    assert "code=1" in err
    status, out, err = await ask(stage, "select 1/0 from enterprise.markets")
    assert (status, out) == (1, "")
    assert "division by zero" in err


@pytest.mark.parametrize(
    ("sql", "status", "expected"),
    [
        ("select * from enterprise.market", 65, "enterprise.markets"),
        ("select naem from enterprise.markets", 65, "name"),
        ("selec 1", 65, "line 1, column 1:"),
        ("select *\nfrom enterprise.markets\nwhere", 65, "line 3, column 6:"),
        ("drop table enterprise.markets", 65, "DROP"),
        ("\\! id", 65, "\\!"),
        ("select :secret", 65, ":secret"),
        ("delete from ledger.entries", 77, "Open a migration instead"),
        ("insert into enterprise.markets(code) values ('XX'); select pg_sleep(0)", 75, ""),
    ],
)
async def test_bad_sql_gets_one_clear_line_and_its_status(stage: Stage, sql: str, status: int, expected: str) -> None:
    found, out, err = await ask(stage, sql, "--no-wait")
    assert (found, out) == (status, ""), err
    assert expected in err, err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 4, err


async def test_what_is_missing_or_unknown_is_said_before_anything_is_asked(stage: Stage) -> None:
    cases = [
        (("psql", "-d", "mydatabse", "-c", MARKETS, "--reason", "x"), 64, "mydatabase"),
        (("psql", "-d", DATABASE, "-c", "select name from enterprise.markets"), 64, "--reason"),
        (("psql", "-d", DATABASE, "--reason", "x"), 64, "-c"),
        (("psql", "-c", MARKETS, "--reason", "x"), 64, "-d"),
        (("psql", "-d", DATABASE, "-c", MARKETS, "--reason", "x", "--ttl", "soon"), 64, "--ttl"),
        (("psql", "-d", DATABASE, "-c", MARKETS, "--reason", "x", "--psql", "/nowhere/psql"), 78, "/nowhere/psql"),
        (("show", "r-aaaaaaaa"), 64, "r-aaaaaaaa"),
        (("approve", "r-aaaaaaaa", "--yes"), 64, "r-aaaaaaaa"),
    ]
    for arguments, status, expected in cases:
        ran = await p0(stage, DANA, *arguments)
        assert (ran.status, ran.out) == (status, ""), (arguments, ran)
        assert expected in ran.err, ran


async def test_who_is_not_reachable_is_named(stage: Stage) -> None:
    ran = await p0(stage, DANA, "ls", P0_SERVER="http://127.0.0.1:9")
    assert ran.status == 69
    assert "http://127.0.0.1:9" in ran.err


async def test_an_approver_sees_what_is_signed_and_a_requestor_what_is_missing(stage: Stage) -> None:
    sql = "select email from enterprise.customers where id = 1"
    asking = await start(
        "psql", "-d", DATABASE, "-c", sql, "--reason", "Letter bounced", environment=stage.environment(DANA)
    )
    rid = await waiting(stage, sql)
    own = await p0(stage, DANA, "approve", rid, "--yes")
    assert own.status in {64, 77}, own
    other = await p0(stage, SAM, "show", rid)
    assert (other.status, other.out) == (64, ""), other
    shown = await p0(stage, PAT, "show", rid)
    for expected in (sql, "Letter bounced", "dana@demo.example", "1 of privacy"):
        assert expected in shown.out, shown
    unconfirmed = await p0(stage, PAT, "approve", rid)
    assert unconfirmed.status == 64, unconfirmed
    approved = await p0(stage, PAT, "approve", rid, "--yes", "--ttl", "7m")
    assert approved.status == 0, approved
    assert "any statement over these columns" in approved.out + approved.err
    ran = await finish(asking)
    assert ran.status == 0, ran
    assert "@example.com" in ran.out
    revoked = await p0(stage, PAT, "revoke", rid)
    assert revoked.status == 0, revoked
    told = (await p0(stage, DANA, "show", rid)).out
    for expected in ("revoked", "ttl       7m\n", f"approval by {PAT.email}, for 7m (pending)\n"):
        assert expected in told, told


async def test_a_denial_ends_the_wait_with_the_comment(stage: Stage) -> None:
    sql = "select phone from enterprise.customers where id = 2"
    asking = await start(
        "psql", "-d", DATABASE, "-c", sql, "--reason", "Call back", environment=stage.environment(DANA)
    )
    rid = await waiting(stage, sql)
    denied = await p0(stage, PAT, "deny", rid, "--comment", "Use the CRM")
    assert denied.status == 0, denied
    ran = await finish(asking)
    assert (ran.status, ran.out) == (77, "")
    assert "Use the CRM" in ran.err
    assert f"denial by {PAT.email} (pending): Use the CRM" in (await p0(stage, DANA, "show", rid)).out


async def test_waiting_ends_at_its_timeout_and_the_request_lives_on(stage: Stage) -> None:
    sql = "select email, phone from enterprise.customers where id = 3"
    ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", sql, "--reason", "x", "--timeout", "1s")
    assert (ran.status, ran.out) == (75, "")
    rid = await waiting(stage, sql)
    assert f"--resume {rid}" in ran.err
    assert (await p0(stage, PAT, "approve", rid, "--yes")).status == 0
    resumed = await p0(stage, DANA, "psql", "--resume", rid)
    assert resumed.status == 0, resumed
    assert "@example.com" in resumed.out


async def test_explain_tells_needs_reasons_and_the_verdict(stage: Stage) -> None:
    sql = "select email from enterprise.customers"
    ran = await p0(stage, DANA, "explain", "-d", DATABASE, "-c", sql)
    assert ran.status == 0, ran
    for expected in ("enterprise.customers", "email", "1 of privacy"):
        assert expected in ran.out, ran
    lines = (await p0(stage, DANA, "explain", "-d", DATABASE, "-c", sql, "-o", "json")).out.splitlines()
    needs = json.loads(lines[0])["needs"]
    wanted = {"kind": "column", "schema": "enterprise", "object": "customers", "column": "email", "privilege": "SELECT"}
    assert any(wanted.items() <= need.items() for need in needs), needs
    grants = await p0(stage, DANA, "explain", "-d", DATABASE, "-c", sql, "-o", "sql")
    assert 'GRANT SELECT ("email") ON TABLE "enterprise"."customers"' in grants.out, grants


async def test_ls_shows_what_is_there_and_never_data(stage: Stage) -> None:
    assert DATABASE in (await p0(stage, DANA, "ls")).out
    tables = (await p0(stage, DANA, "ls", DATABASE)).out
    assert "enterprise.markets" in tables
    assert "Austria" not in tables
    assert "email" in (await p0(stage, DANA, "ls", DATABASE, "enterprise.customers")).out
