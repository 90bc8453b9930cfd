"""Approved in advance, in somebody's place, made to last longer, broken in an emergency: as people type it."""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest

from fix_stage import Ran, p0
from p0_demo.identity_provider import User
from p0_demo.stage import DANA, DATABASE, NOTICES, PAT, SAM, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = ("--", "-A", "-t")


def rid_in(ran: Ran, kind: str = "r") -> str:
    found = re.search(rf"\b{kind}-[a-z2-7]{{8}}\b", ran.err + ran.out)
    assert found is not None, ran
    return found[0]


async def ask(stage: Stage, person: User, sql: str, *more: str) -> Ran:
    return await p0(stage, person, "psql", "-d", DATABASE, "-c", sql, "--reason", "a test", *more)


async def test_what_was_allowed_in_advance_needs_nobody(stage: Stage) -> None:
    grant = ("-d", DATABASE, "--grant", "SELECT on enterprise.customers(email, id)", "--uses", "1", "--for", "1h")
    allowed = await p0(stage, PAT, "allow", DANA.email, *grant, "--yes")
    assert allowed.status == 0, allowed
    mandate = rid_in(allowed, "m")
    assert "You approve one request of dana@demo.example" in allowed.err
    rows = await ask(stage, DANA, "select email from enterprise.customers where id = 2", *PLAIN)
    assert rows.status == 0, rows
    assert "@" in rows.out
    second = await ask(stage, DANA, "select email from enterprise.customers where id = 3", "--no-wait")
    assert second.status == 75, second
    (listed,) = [
        row for row in json.loads((await p0(stage, DANA, "allow", "--list", "--json")).out) if row["rid"] == mandate
    ]
    assert (listed["used"], listed["kind"], listed["mine"]) == (1, "allow", False)
    shown = await p0(stage, PAT, "show", mandate)
    assert "used      1 of 1" in shown.out, shown
    assert (await p0(stage, DANA, "allow", "--revoke", mandate)).status == 77
    revoked = await p0(stage, PAT, "allow", "--revoke", mandate)
    assert (revoked.status, "ended (withdrawn)" in revoked.err) == (0, True), revoked


async def test_who_asks_for_nothing_that_they_approve_allows_nothing(stage: Stage) -> None:
    refused = await p0(
        stage, DANA, "allow", PAT.email, "-d", DATABASE, "--grant", "SELECT on enterprise.customers", "--yes"
    )
    assert refused.status == 77, refused
    assert "no rule asks you to approve anything" in refused.err


async def test_an_access_is_extended_and_its_session_goes_on(stage: Stage) -> None:
    sql = "select code from enterprise.markets where code = 'AT'"
    began = time.monotonic()
    first = await ask(stage, DANA, sql, "--ttl", "2m", *PLAIN)
    took = time.monotonic() - began
    assert (first.status, first.out) == (0, "AT\n")
    rid = rid_in(first)
    before = json.loads((await p0(stage, DANA, "show", rid, "--json")).out)
    extended = await p0(stage, DANA, "extend", rid, "--ttl", "30m", "--reason", "takes longer")
    assert extended.status == 0, extended
    after = json.loads((await p0(stage, DANA, "show", rid, "--json")).out)
    longer = after["not_after"] - before["not_after"]
    assert 28 * 60 - 1 <= longer <= 28 * 60 + took + 1  # its start is when the login was there, not when it was begun
    assert after["login"] == before["login"]
    again = await ask(stage, DANA, sql, *PLAIN)
    assert (again.out, rid_in(again)) == ("AT\n", rid)
    shorter = await p0(stage, DANA, "extend", rid, "--ttl", "5m", "--reason", "less")
    assert (shorter.status, "would not last longer" in shorter.err) == (77, True), shorter
    assert (await p0(stage, PAT, "extend", rid, "--ttl", "1h", "--reason", "not mine")).status == 64
    await p0(stage, DANA, "relinquish", rid)


async def test_an_emergency_is_told_and_stays_to_be_reviewed(stage: Stage) -> None:
    sql = "select phone from enterprise.customers where id = 1"
    rows = await ask(stage, DANA, sql, "--break-glass", *PLAIN)
    assert rows.status == 0, rows
    rid = rid_in(rows)
    told = await asyncio.to_thread((stage.directory / NOTICES).read_text)
    assert f"dana@demo.example breaks the glass on mydatabase ({rid})" in told
    listed = await p0(stage, SAM, "requests", "--to-review")
    assert re.search(rf"{rid} .*review due", listed.out), listed
    own = await p0(stage, DANA, "review", rid, "--comment", "fine", "--yes")
    assert own.status == 77, own
    reviewed = await p0(stage, SAM, "review", rid, "--comment", "Justified: a test", "--yes")
    assert (reviewed.status, "reviewed" in reviewed.err) == (0, True), reviewed
    assert rid not in (await p0(stage, SAM, "requests", "--to-review")).out
    shown = await p0(stage, DANA, "show", rid)
    assert re.search(r"emergency +reviewed by sam@demo.example", shown.out), shown


async def test_an_emergency_says_why(stage: Stage) -> None:
    ran = await p0(stage, DANA, "psql", "-d", DATABASE, "-c", "select 1", "--break-glass")
    assert (ran.status, "an emergency needs a reason" in ran.err) == (64, True), ran


async def test_who_stands_in_approves_and_what_is_struck_is_said(stage: Stage) -> None:
    delegated = await p0(stage, PAT, "delegate", SAM.email, "--for", "1h", "--groups", "privacy", "--yes")
    assert delegated.status == 0, delegated
    waits = await ask(stage, DANA, "select email, name from enterprise.customers where id = 1", "--no-wait")
    rid = rid_in(waits)
    wrong = await p0(stage, SAM, "approve", rid, "--strike", "enterprise.nothing", "--yes")
    assert wrong.status == 64, wrong
    struck = await p0(stage, SAM, "approve", rid, "--strike", "enterprise.customers.email", "--yes")
    assert (struck.status, "needs_changes" in struck.err) == (0, True), struck
    shown = await p0(stage, DANA, "show", rid)
    assert "Leave enterprise.customers.email out of the SQL and ask again." in shown.out
    assert f"approval by {SAM.email} in place of {PAT.email}, for " in shown.out
    assert (await p0(stage, PAT, "delegate", "--revoke", rid_in(delegated, "m"))).status == 0
