"""No statement of the store walks through a table that grows: what it costs is the same after a hundred thousand
requests."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from p0_server.store import queries
from p0_server.store.sqlite import SqliteStore

GROWING = ("requests", "events", "jobs", "reviewers", "notices", "proofs")
STATEMENTS = queries.load()


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("store") / "p0.db"

    async def make() -> None:
        await (await SqliteStore.open(path)).close()

    asyncio.run(make())
    return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path)


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_is_found_by_an_index(connection: sqlite3.Connection, name: str) -> None:
    statement = STATEMENTS[name]
    parameters = dict.fromkeys(re.findall(r":(\w+)", statement), 1)
    with closing(connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)) as plan:
        steps = [str(row[3]) for row in plan]
    walked = [step for step in steps if re.match(rf"SCAN ({'|'.join(GROWING)}|mine|earlier)\b", step)]
    assert [step for step in walked if "notices_left" not in step] == [], steps  # an index of what is left to do


def test_what_is_open_of_one_person_is_counted_by_an_index_of_open_ones(connection: sqlite3.Connection) -> None:
    statement = STATEMENTS["count_open"]
    with closing(connection.execute(f"EXPLAIN QUERY PLAN {statement}", {"iss": "", "sub": ""})) as plan:
        ((*_, step),) = plan
    assert "requests_open" in step
