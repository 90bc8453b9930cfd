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
