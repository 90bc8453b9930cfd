"""PostgreSQL agrees with what is read from SQL that others wrote: its own regression tests, on tables of their own.

Of each statement that runs, PostgreSQL's permission info says what it checks. Both readings must say the same, and a
role that holds exactly that must not be denied, and be denied without any one of it. P0_TEST_CORPUS_EVERY=1 judges
every statement, which takes minutes; otherwise some of each script.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
import pytest_asyncio

from fix_postgres import fresh_database
from inference_proof import corpus
from inference_proof.judge import Judge, Judged, Verdict, judging
from p0_demo.postgres import EmbeddedPostgres

EVERY: Final = int(os.environ.get("P0_TEST_CORPUS_EVERY", "0"))

# How many statements of each script are judged: one in so many.
SCRIPTS: Final = {
    "copydml": 1,
    "copyselect": 1,
    "delete": 1,
    "domain": 9,
    "groupingsets": 9,
    "inherit": 14,
    "insert": 7,
    "insert_conflict": 5,
    "join": 14,
    "limit": 4,
    "merge": 5,
    "portals": 1,
    "prepare": 1,
    "rangefuncs": 11,
    "returning": 4,
    "rowsecurity": 7,
    "rowtypes": 9,
    "rules": 14,
    "select_distinct": 4,
    "select_views": 1,
    "subselect": 7,
    "tablesample": 4,
    "triggers": 14,
    "truncate": 4,
    "union": 7,
    "updatable_views": 14,
    "update": 5,
    "window": 14,
    "with": 7,
}

REFUSED: Final = frozenset(
    {"ambiguous_function", "function_body", "opaque_function", "restricted_catalog", "unknown_function"}
    | {"rule", "unsupported_statement", "view_write"}
)
"""What is refused, and says so, rather than guessed."""

MOST_REFUSED: Final = 0.1

STOOD_IN: Final = frozenset({"rule", "unknown_table", "view_write"})
"""Where the kernel says that it cannot tell, PostgreSQL's reading stands alone, and that counts as a difference."""

EXPLAINED: Final = {
    "9b3d0eba": "its function turns row_security off: whom policies bind is refused by 42501, whatever he holds",
    "cf4f296e": "PostgreSQL plans no sub-query whose result nobody uses; its analysis, which is what we ask, shows it",
}
"""By the first digits of the statement's SHA-256."""


@pytest.fixture(scope="module")
def scripts() -> Path:
    found = corpus.folder()
    if found is None:
        pytest.skip("the corpus is not there: sh tools/fetch-corpus.sh .venv")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(postgres: EmbeddedPostgres, scripts: Path) -> AsyncIterator[Judge]:
    async with fresh_database(postgres, name="regression", template="template1") as name:
        async with await psycopg.AsyncConnection.connect(**postgres.superuser(name), autocommit=True) as connection:
            await corpus.prepare(connection, scripts)
        log = logging.getLogger("p0.agent.reading")
        log.disabled = True  # differences are counted; they would be many lines
        async with judging(postgres.superuser(name)) as found:
            yield found
        log.disabled = False


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("script", SCRIPTS)
async def test_least_privileges(script: str, judge: Judge, scripts: Path) -> None:
    judged = [each async for each in corpus.judged(judge, scripts, script, every=EVERY or SCRIPTS[script])]
    wrong = [line for each in judged if not _explained(each.statement) for line in _wrong(each)]
    assert not wrong, "\n".join(wrong)
    assert len(judged) >= (2 if judge.connection.info.server_version >= 180_000 else 1)
    refused = Counter(each.combined.code for each in judged if each.combined.outcome == "refused")
    assert refused.keys() <= REFUSED
    assert refused.total() <= max(3, MOST_REFUSED * len(judged)), refused


def _explained(statement: str) -> bool:
    return hashlib.sha256(" ".join(statement.split()).encode()).hexdigest()[:8] in EXPLAINED


def _wrong(judged: Judged) -> list[str]:
    found = [
        f"{name} is {verdict.outcome}: lacks {_words(verdict.lacks)}, beyond {_words(verdict.beyond)}, {verdict.code}"
        for name, verdict in (("the kernel", judged.kernel), ("the agent", judged.combined))
        if verdict.outcome in ("over", "insufficient")
    ]
    if judged.differ and not _stood_in(judged.kernel):
        found.append("the readings differ")
    return [judged.statement, *found] if found else []


def _stood_in(kernel: Verdict) -> bool:
    return kernel.outcome == "refused" and kernel.code in STOOD_IN


def _words(permissions: tuple[object, ...]) -> str:
    return ", ".join(map(str, permissions)) or "nothing"
