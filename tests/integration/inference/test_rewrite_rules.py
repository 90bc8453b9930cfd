"""PostgreSQL agrees with what is read from writes that rewrite rules change, down to those of which nothing is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import psycopg
import pytest
import pytest_asyncio

from fix_postgres import fresh_database
from inference_proof.judge import Judge, judging
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused
from p0_demo.postgres import EmbeddedPostgres

OBJECTS: Final = """
CREATE TABLE base (a int PRIMARY KEY, b text, s serial);
CREATE TABLE log (a int, w text);
CREATE TABLE other (x int);
CREATE TABLE hidden (z int);
INSERT INTO base VALUES (1, 'x'), (2, 'y');
CREATE VIEW seen AS SELECT a, b FROM base;
CREATE RULE i AS ON INSERT TO seen DO INSTEAD NOTHING;
CREATE RULE c AS ON DELETE TO seen WHERE old.a > 1 DO INSTEAD NOTHING;
CREATE RULE d AS ON DELETE TO seen DO INSTEAD DELETE FROM base WHERE a = old.a;
CREATE TABLE ruled (a int, b text, s serial);
INSERT INTO ruled VALUES (1, 'p'), (2, 'q');
CREATE RULE i AS ON INSERT TO ruled DO INSTEAD NOTHING;
CREATE RULE u AS ON UPDATE TO ruled WHERE old.a > 1 DO INSTEAD NOTHING;
CREATE RULE d AS ON DELETE TO ruled WHERE EXISTS (SELECT FROM other WHERE x = old.a)
    DO INSTEAD INSERT INTO log VALUES (old.a, current_user);
CREATE TABLE logged (a int, b text);
INSERT INTO logged VALUES (1, 'p');
CREATE RULE i1 AS ON INSERT TO logged DO INSTEAD NOTHING;
CREATE RULE i2 AS ON INSERT TO logged DO ALSO INSERT INTO log VALUES (new.a, 'also');
CREATE RULE u AS ON UPDATE TO logged WHERE new.b = 'no' DO INSTEAD INSERT INTO log VALUES (new.a, new.b);
CREATE RULE d AS ON DELETE TO logged DO INSTEAD NOTHING;
CREATE FUNCTION own(i int) RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION own FROM PUBLIC;
CREATE TABLE asked (a int);
INSERT INTO asked VALUES (1);
CREATE RULE u AS ON UPDATE TO asked WHERE own(old.a) = 1 DO INSTEAD NOTHING;
CREATE VIEW guarded WITH (security_invoker) AS SELECT a, b FROM logged WHERE EXISTS (SELECT z FROM hidden);
CREATE VIEW over_guarded WITH (security_invoker) AS SELECT a, b FROM guarded WHERE a < own(2) + 9;
CREATE VIEW over_ruled AS SELECT a, b FROM ruled;
CREATE VIEW over_logged WITH (security_invoker) AS SELECT b, a FROM logged;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(postgres: EmbeddedPostgres) -> AsyncIterator[Judge]:
    async with fresh_database(postgres, name="ruled", template="template1") as name:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            if connection.info.server_version < 15_00_00:
                pytest.skip("PostgreSQL 15 brought security_invoker")
            await connection.execute(OBJECTS)
        async with judging(postgres.superuser(name)) as found:
            yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "statement",
    [
        "insert into seen values (1, 'x')",
        "insert into ruled (a, b) values (5, 'x')",
        "insert into ruled default values",
        "insert into ruled (a) values (own(1))",
        "insert into ruled (a) select z from hidden",
        "with w as (insert into log values (9, 'z') returning a) insert into ruled (a) select a from w",
        "delete from logged where a in (select z from hidden)",
        "insert into over_ruled (a) values (5)",
        "delete from over_logged",
        "explain delete from logged",
        "explain (analyze) delete from logged where a in (select z from hidden)",
    ],
)
async def test_where_nothing_is_left_nothing_is_checked(statement: str, judge: Judge) -> None:
    judged = await judge.judge(statement)
    assert judged is not None
    assert judged.expected == frozenset()
    for verdict in (judged.kernel, judged.combined):
        assert verdict.outcome == "exact"
        assert sorted(map(str, verdict.needed)) == ["CONNECT on database ruled", "USAGE on schema public"]
    assert not judged.differ


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "statement",
    [
        "delete from seen",
        "delete from seen where a = 1",
        "update ruled set b = 'z'",
        "delete from ruled where a = 2",
        "insert into logged values (1, 'x')",
        "insert into logged select a, b from base",
        "update logged set b = b where a = 1",
        "update asked set a = 2",
        "update over_ruled set b = 'z'",
        "delete from over_ruled where a = 2",
        "insert into over_logged (a, b) values (1, 'x')",
        "update over_logged set b = b where a = 1",
        "update guarded set b = 'z'",
        "update over_guarded set b = 'z'",
    ],
)
async def test_where_something_is_left_the_caller_pays_for_the_relation(statement: str, judge: Judge) -> None:
    judged = await judge.judge(statement)
    assert judged is not None
    assert judged.expected
    assert (judged.kernel.outcome, judged.combined.outcome, judged.differ) == ("exact", "exact", False)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "statement",
    [
        "insert into ruled (a) values (1) returning a",
        "with w as (insert into ruled (a) values (1)) select 1 from other",
    ],
)
async def test_what_postgresql_refuses_is_refused(statement: str, judge: Judge) -> None:
    assert await judge.judge(statement) is None
    (reading,) = read(statement, await judge.current(judge.connection.info.dbname))
    assert isinstance(reading, Refused)
    assert reading.code == "rule"
