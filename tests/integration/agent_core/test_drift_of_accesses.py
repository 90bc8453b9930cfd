"""What the agent does about changes that others made: the evidence says so, and what cannot be put right is over."""

from __future__ import annotations

import json

import pytest
from psycopg import sql

from fix_agent_core import MARKETS, Bench
from p0_access.messages.records import Deletion
from p0_access.proof import jws
from p0_agent.core.drift import end_changed
from p0_agent.core.redefined import Redefinitions


async def test_what_is_put_right_is_in_the_evidence_and_what_cannot_be_ends_the_access(bench: Bench) -> None:
    looks = Redefinitions()
    request, _ = bench.ask(bench.person("dana", "analysts"), MARKETS)
    login = (await bench.admit(request)).login
    assert login is not None
    assert await end_changed(bench.context, looks) == ()
    async with await bench.managed.superuser() as superuser:
        await superuser.execute(sql.SQL("ALTER ROLE {} VALID UNTIL 'infinity'").format(sql.Identifier(login)))
        assert await end_changed(bench.context, looks) == ()
        last = (await bench.managed.cluster.evidence.entries())[-1]
        assert (last.kind, json.loads(last.body)["what"]) == ("drift", "its VALID UNTIL was changed")
        assert json.loads(last.body)["mended"] is True

        await superuser.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(login)))
    (report,) = await end_changed(bench.context, looks)
    assert jws.verify(report.records[0], Deletion, bench.context.key.public).record.cause == "changed"
    assert await bench.roles() == []
    kinds = [entry.kind for entry in await bench.managed.cluster.evidence.entries()]
    assert kinds[-3:] == ["drift", "drift", "deletion"]


async def test_a_database_that_cannot_be_looked_at_hides_nothing_else(bench: Bench) -> None:
    result = await bench.admit(bench.ask(bench.person("dana", "analysts"), MARKETS)[0])
    async with await bench.managed.superuser() as superuser:
        await superuser.execute("REVOKE SELECT ON pg_catalog.pg_policy FROM PUBLIC")
        await superuser.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(result.login or "")))
    assert len(await end_changed(bench.context, Redefinitions())) == 1
    assert await bench.roles() == []


REACHING = """
CREATE FUNCTION enterprise.open_markets() RETURNS bigint LANGUAGE sql STABLE
  RETURN (SELECT count(*) FROM enterprise.markets);
CREATE VIEW enterprise.market_names AS SELECT id, name FROM enterprise.markets;
GRANT SELECT ON enterprise.market_names TO p0_broker WITH GRANT OPTION;
"""
NEW_POLICY = """
ALTER TABLE enterprise.markets ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON enterprise.markets USING (true);
"""
REDEFINED_VIEW = (
    "CREATE OR REPLACE VIEW enterprise.market_names AS SELECT id, name || region AS name FROM enterprise.markets"
)


@pytest.mark.parametrize(
    ("asked", "change", "named"),
    [
        ("select name from enterprise.market_names", REDEFINED_VIEW, "view enterprise.market_names"),
        (
            MARKETS,
            NEW_POLICY,
            "policy enterprise.markets all_of_them",
        ),
    ],
)
async def test_an_access_whose_sql_reaches_something_else_by_now_is_over(
    asked: str, change: str, named: str, bench: Bench
) -> None:
    looks = Redefinitions()
    async with await bench.managed.superuser() as superuser:
        await superuser.execute(REACHING.encode())
        dana = bench.person("dana", "analysts")
        concerned, _ = bench.ask(dana, asked)
        other, _ = bench.ask(dana, "select id from enterprise.orders")
        for request in (concerned, other):
            assert (await bench.admit(request)).outcome == "active"
        assert await end_changed(bench.context, looks) == ()
        await superuser.execute("CREATE TABLE enterprise.unrelated ()")  # changes the catalog, and nothing for them
        assert await end_changed(bench.context, looks) == ()
        await superuser.execute(change.encode())
    (report,) = await end_changed(bench.context, looks)
    assert report.rh == jws.record_hash(concerned.record)
    drift = [entry for entry in await bench.managed.cluster.evidence.entries() if entry.kind == "drift"]
    assert named in json.loads(drift[-1].body)["what"]
    assert await end_changed(bench.context, looks) == ()
    await bench.end(other, dana)


async def test_a_password_that_the_login_changed_ends_its_access(bench: Bench) -> None:
    request, opening = bench.ask(bench.person("dana", "analysts"), MARKETS)
    opened = bench.open(await bench.admit(request), opening)
    assert await end_changed(bench.context, Redefinitions()) == ()
    async with await bench.connect(opened) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER ROLE CURRENT_USER PASSWORD 'for a friend'")
    (report,) = await end_changed(bench.context, Redefinitions())
    assert report.rh == jws.record_hash(request.record)
    assert await bench.roles() == []
