"""Properties of what is read from generated statements over generated schemas, on a real PostgreSQL.

    sufficient   a role that holds exactly what was read is not denied
    minimal      it is denied without any one of it
    both         the kernel and PostgreSQL read the same, and nothing is read that PostgreSQL's own check lacks

The examples are the same in every run, unless P0_TEST_WORLDS says how many new ones to try.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from fix_postgres import fresh_database
from inference_proof.judge import Judge, Judged, judging
from inference_proof.queries import statements
from inference_proof.worlds import worlds
from p0_demo.postgres import EmbeddedPostgres

NEW: Final = int(os.environ.get("P0_TEST_WORLDS", "0"))
WORLDS: Final = 12
STATEMENTS: Final = 8

_seen: Counter[str] = Counter()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(postgres: EmbeddedPostgres) -> AsyncIterator[Judge]:
    async with (
        fresh_database(postgres, name="generated", template="template1") as name,
        judging(postgres.superuser(name)) as found,
    ):
        yield found


@pytest.mark.asyncio(loop_scope="module")
@settings(
    max_examples=NEW or WORLDS,
    derandomize=not NEW,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # what fails is told whole; making it smaller takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_least_privileges(data: st.DataObject, judge: Judge) -> None:
    world = data.draw(worlds(version=judge.connection.info.server_version // 10_000))
    await judge.connection.execute(world.ddl.encode())
    judge.changed()
    try:
        for _ in range(STATEMENTS):
            statement = data.draw(statements(world))
            judged = await judge.judge(statement)
            _seen["not valid" if judged is None else judged.combined.outcome] += 1
            if judged is not None:
                assert wrong(judged) == [], f"{world.ddl};\n{statement}"
    finally:
        await judge.connection.execute(
            sql.SQL("DROP SCHEMA {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, world.schemas)))
        )


def wrong(judged: Judged) -> list[str]:
    return [
        f"{verdict.outcome} {verdict.code}: lacks {verdict.lacks}, beyond {verdict.beyond}"
        for verdict in (judged.kernel, judged.combined)
        if verdict.outcome not in ("exact", "cautious")
    ] + ["the readings differ"] * judged.differ


def test_most_of_them_are_valid_sql() -> None:
    """Else the properties would say little."""
    assert _seen["exact"] > 0.6 * _seen.total(), _seen
