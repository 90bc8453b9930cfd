"""PostgreSQL agrees with what is read from the queries of TPC-H and TPC-DS, on tables of their own.

As in `test_corpus_of_others`: both readings say what PostgreSQL checks, and a role that holds exactly that is not
denied, and is without any one of it. P0_TEST_CORPUS_EVERY=1 judges every query, which takes minutes; otherwise some.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import psycopg
import pytest

from fix_postgres import fresh_database
from inference_proof import tpc
from inference_proof.judge import judging
from p0_demo.postgres import EmbeddedPostgres

EVERY: Final = int(os.environ.get("P0_TEST_CORPUS_EVERY", "0"))
SOME: Final = {"tpc-h": 7, "tpc-ds": 33}
"""How many are judged: one in so many."""
LISTED: Final = {"tpc-h": 44, "tpc-ds": 198}
TAKEN: Final = 0.94
"""By PostgreSQL: a few sort by an expression over a column's new name, or divide by zero."""


@pytest.fixture(scope="module")
def files() -> Path:
    found = tpc.folder()
    if found is None:
        pytest.skip("the corpus is not there: sh tools/fetch-corpus.sh .venv")
    return found


@pytest.mark.parametrize("benchmark", tpc.BENCHMARKS)
async def test_least_privileges(benchmark: str, postgres: EmbeddedPostgres, files: Path) -> None:
    every = EVERY or SOME[benchmark]
    async with fresh_database(postgres, name=benchmark.replace("-", ""), template="template1") as name:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            await tpc.create(connection, benchmark, files)
            queries = await tpc.queries(connection, benchmark, files, every=every)
        async with judging(postgres.superuser(name)) as judge:
            judged = [found for query in queries if (found := await judge.judge(query)) is not None]
    wrong = [
        (each.statement, each.kernel, each.combined)
        for each in judged
        if each.differ or {each.kernel.outcome, each.combined.outcome} != {"exact"}
    ]
    assert wrong == []
    assert len(judged) >= TAKEN * LISTED[benchmark] / every
