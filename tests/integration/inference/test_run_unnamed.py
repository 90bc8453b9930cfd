"""What runs though no word of a statement names it: queries and functions of what is maintained, casts, domains within
other types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import psycopg
import pytest
import pytest_asyncio

from fix_postgres import fresh_database
from inference_proof.judge import Judge, judging
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused, StatementReading
from p0_demo.postgres import EmbeddedPostgres

MAINTAIN_SINCE: Final = 17
OBJECTS: Final = """
CREATE TABLE base (id int PRIMARY KEY, v text);
INSERT INTO base VALUES (1, 'x');
CREATE TABLE log (a int);
CREATE TABLE seen (a int);
INSERT INTO seen VALUES (1);
CREATE FUNCTION counts(int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 + count(*) FROM public.seen';
CREATE MATERIALIZED VIEW kept AS SELECT id, counts(id) AS n FROM base;
CREATE TABLE indexed (a int);
INSERT INTO indexed VALUES (1);
CREATE INDEX by_counts ON indexed (counts(a));
CREATE TYPE pair AS (a int);
CREATE TYPE other AS (b text);
CREATE FUNCTION paired(int) RETURNS pair LANGUAGE plpgsql
  AS 'BEGIN INSERT INTO log VALUES ($1); RETURN row($1)::pair; END';
REVOKE EXECUTE ON FUNCTION paired FROM PUBLIC;
CREATE CAST (int AS pair) WITH FUNCTION paired(int) AS ASSIGNMENT;
CREATE FUNCTION sealed(pair) RETURNS other LANGUAGE sql SECURITY DEFINER AS 'SELECT row(v)::other FROM base';
CREATE CAST (pair AS other) WITH FUNCTION sealed(pair) AS IMPLICIT;
CREATE FUNCTION as_text(other) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT min(a) FROM seen); END';
CREATE CAST (other AS text) WITH FUNCTION as_text(other) AS IMPLICIT;
CREATE TABLE pairs (p pair, o other, t text);
INSERT INTO pairs (o) VALUES (row('x'));
CREATE FUNCTION takes(other) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION fine(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN EXISTS (SELECT FROM seen); END';
CREATE DOMAIN few AS int CHECK (fine(VALUE));
CREATE TYPE holds AS (n few);
CREATE TYPE fews AS RANGE (subtype = few);
CREATE TABLE many (l few[], h holds, r fews);
CREATE TABLE moved (id int, k int) PARTITION BY LIST (k);
CREATE TABLE moved_1 PARTITION OF moved FOR VALUES IN (1);
CREATE TABLE moved_2 PARTITION OF moved (CHECK (fine(id))) FOR VALUES IN (2);
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (1); RETURN new; END';
CREATE TRIGGER logs BEFORE INSERT ON moved_2 FOR EACH ROW EXECUTE FUNCTION logs();
INSERT INTO moved VALUES (1, 1), (2, 2);
CREATE TYPE private AS ENUM ('x');
REVOKE USAGE ON TYPE private FROM PUBLIC;
CREATE TABLE typed (p private, r int4range);
INSERT INTO typed VALUES ('x', '[1,2]');
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(postgres: EmbeddedPostgres) -> AsyncIterator[Judge]:
    async with fresh_database(postgres, name="unnamed", template="template1") as name:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            await connection.execute(OBJECTS)
        async with judging(postgres.superuser(name)) as found:
            yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("statement", "reached"),
    [
        ("refresh materialized view kept", {"SELECT (id) on base", "SELECT (any column) on seen"}),
        ("analyze indexed", {"SELECT (any column) on seen"}),
        ("reindex table indexed", {"SELECT (any column) on seen"}),
        ("analyze base", set()),
    ],
)
async def test_what_maintenance_runs_is_its_owners(statement: str, reached: set[str], judge: Judge) -> None:
    judged = await judge.judge(statement)
    catalog = await judge.current(judge.connection.info.dbname)
    (reading,) = read(statement, catalog)
    if catalog.server_version < MAINTAIN_SINCE:
        assert isinstance(reading, Refused)
        return
    assert isinstance(reading, StatementReading)
    assert {str(each).replace("public.", "") for each in reading.reached} == reached
    if statement.startswith("analyze"):  # what may not be analyzed is passed over
        return
    assert judged is not None
    assert (judged.kernel.outcome, judged.combined.outcome) == ("exact", "exact")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("statement", "reached"),
    [
        ("select 1::pair", set()),
        ("select cast(a as pair) from indexed", set()),
        ("select array[1, 2]::pair[]", set()),
        ("insert into pairs (p) values (1)", set()),
        ("insert into pairs (p) select a from indexed", set()),
        ("update pairs set p = 1", set()),
        ("merge into pairs using indexed on a = 2 when not matched then insert (p) values (a)", set()),
        ("select row(1)::pair::other", {"SELECT (v) on base"}),
        ("select takes(row(1)::pair)", {"SELECT (v) on base"}),
        ("select row(1)::other union all select row(1)::pair", {"SELECT (v) on base"}),
        ("select coalesce(o, row(1)::pair) from pairs", {"SELECT (v) on base"}),
        ("select upper(o) from pairs", set()),
        ("select o like 'x%' from pairs", set()),
        ("update pairs set t = o", set()),
        ("select '{1}'::few[]", set()),
        ("select row(1)::holds", set()),
        ("select '[1,2]'::fews", set()),
        ("insert into many (l) values ('{1}')", set()),
        ("insert into many (h.n) values (1)", set()),
        ("insert into many (r) values ('[1,2]')", set()),
        ("insert into moved values (3, 2)", set()),
        ("update moved set id = 3", set()),
        ("update moved set k = 2 where id = 1", set()),
        ("create temp table t as select p from typed", set()),
        ("create temp table t as select array[p] as p from typed", set()),
        ("create temp table t as select lower(r) as l, coalesce(p, 'x') as p from typed", set()),
        ("create temp table t as select max(p) as p, (select p from typed) as q from typed", set()),
    ],
)
async def test_casts_and_types_run_and_need_what_they_say(statement: str, reached: set[str], judge: Judge) -> None:
    if statement.startswith("merge") and judge.connection.info.server_version < 15_00_00:
        pytest.skip("PostgreSQL 15 brought MERGE")
    judged = await judge.judge(statement)
    assert judged is not None
    assert judged.kernel.outcome == "exact"
    assert judged.combined.outcome == "exact" or judged.combined.code == "postgres_refuses"
    assert not judged.differ
    (reading,) = read(statement, await judge.current(judge.connection.info.dbname))
    assert isinstance(reading, StatementReading)
    assert {str(each).replace("public.", "") for each in reading.reached} == reached
