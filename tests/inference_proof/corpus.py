"""PostgreSQL's own regression tests as a corpus: its scripts are run in order, each statement judged where it stands.

They are fetched when the tests are set up (tools/fetch-corpus.sh) and not part of this project.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psycopg
from psycopg import pq

from inference_proof.judge import Judge, Judged
from inference_proof.oracle import execute
from inference_proof.scripts import statements

JUDGED: Final = re.compile(
    r"[\s(]*(?:select|with|values|table|insert|update|delete|merge|copy|truncate|lock)\b", re.IGNORECASE
)
_MAKES_A_TABLE: Final = re.compile(r"(?:select|with)\b.*\binto\b", re.IGNORECASE | re.DOTALL)
_FOR_THE_WHOLE_SERVER: Final = re.compile(
    r"\s*(?:create|alter|drop)\s+(?:role|user|group|database|tablespace|subscription|system|event)\b"
    r"|\s*(?:comment|security)\b|\s*(?:checkpoint|listen|vacuum|cluster|reindex)\b|.*\bcreateuser\b"
    r"|\s*(?:prepare\s+transaction|reassign)\b|\s*grant\b.*\b(?:on\s+schema|to\s+public)\b"
    r"|\s*set\s+(?:(?:session|local)\s+)?(?:role|session\s+authorization|client_min|statement_timeout|transaction_timeout)\b"
    r"|.*\b(?:tablespace|dblink|pg_sleep|pg_terminate_backend|pg_cancel_backend|infinite_recurse)\b"
    r"|.*\btransition_test_mv\b",  # PostgreSQL 15 makes this view and then cannot print it
    re.IGNORECASE | re.DOTALL,
)

SETUP: Final = "test_setup"
_FILLED: Final = (
    "INSERT INTO onek SELECT g, g, g % 2, g % 4, g % 10, g % 20, g % 100, g, g, g, g, g, g, 'a', 'b', 'c'"
    " FROM generate_series(0, 99) g;"
    " INSERT INTO tenk1 SELECT * FROM onek"
)
"""The data of the largest tables is in files that are not there; some will do."""

MAX_STATEMENT: Final = 4_000


def fetched(name: str) -> Path:
    """Where a part of what tools/fetch-corpus.sh fetches would be."""
    named = os.environ.get("P0_TEST_CORPUS")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p0-test-tools" / "corpus"
    return (Path(named) if named else cache) / name


def folder() -> Path | None:
    """Where the scripts are, if they were fetched."""
    found = fetched("postgres_regress")
    return found if found.is_dir() else None


async def prepare(connection: psycopg.AsyncConnection, scripts: Path) -> None:
    """The tables that most scripts use, in a database for this alone."""
    for statement in statements((scripts / f"{SETUP}.sql").read_text(encoding="utf-8")):
        await _just_run(connection, statement)
    await connection.execute(_FILLED)
    await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")


async def judged(judge: Judge, scripts: Path, script: str, *, every: int = 1) -> AsyncIterator[Judged]:
    """The statements of one script that can run, one in `every`, and only once each."""
    connection = judge.connection
    seen: set[str] = set()
    number = 0
    async for statement in _walk(judge, (scripts / f"{script}.sql").read_text(encoding="utf-8")):
        text = " ".join(statement.split())
        if text in seen or len(statement) > MAX_STATEMENT or not JUDGED.match(statement):
            continue
        seen.add(text)
        number += 1
        path = () if number % every else await _search_path(connection)
        if path and (found := await judge.judge(statement, path)) is not None:
            yield found


async def _walk(judge: Judge, script: str) -> AsyncIterator[str]:
    """Each statement, before it is run. Those inside a transaction are run and not told: nobody else would see what
    they see."""
    connection = judge.connection
    await connection.execute("SET statement_timeout = '2s'; SET lock_timeout = '1s'; SET jit = off")
    for statement in statements(script):
        if _FOR_THE_WHOLE_SERVER.match(statement):
            continue
        if connection.info.transaction_status == pq.TransactionStatus.IDLE:
            yield statement
        if await _just_run(connection, statement) and (not JUDGED.match(statement) or _MAKES_A_TABLE.match(statement)):
            judge.changed()
    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
        await connection.execute("ROLLBACK")
    await connection.execute("RESET ALL")
    await connection.execute("DEALLOCATE ALL")
    judge.changed()


async def _just_run(connection: psycopg.AsyncConnection, statement: str) -> bool:
    try:
        await execute(connection, statement)
    except (psycopg.Error, UnicodeError):
        return False
    return True


async def _search_path(connection: psycopg.AsyncConnection) -> tuple[str, ...]:
    """None that others could not have: not as another user, not in a schema of the session's own."""
    cursor = await connection.execute("SELECT current_schemas(false)::text[], current_user = session_user")
    row = await cursor.fetchone()
    if row is None or not row[1] or any(name.startswith("pg_") for name in row[0]):
        return ()
    return tuple(row[0])
