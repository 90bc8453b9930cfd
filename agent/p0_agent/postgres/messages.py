"""Several statements in one message, and transactions that begin and end inside of one.

An access is opened and ended with locks held, so a round trip less is time that others need not wait. Values go into
such messages as literals of `psycopg.sql`, since PostgreSQL takes parameters for single statements only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import pq, sql

from p0_agent.postgres.connections import Connection
from p0_agent.postgres.queries import query

COMMIT: Final = sql.SQL("COMMIT")
BRIEFLY: Final = sql.SQL("SET LOCAL lock_timeout = '250ms'")
"""For what a login may hold a lock on: there is another way then, which need not wait."""

_BEGIN: Final = sql.SQL("BEGIN")
_ALONE: Final = sql.SQL("LOCK TABLE p0.writer IN EXCLUSIVE MODE")

Rows = list[tuple[Any, ...]]


async def send(connection: Connection, *statements: sql.Composable) -> list[Rows]:
    """Executes them in order, as one message: the rows of each that returns rows. The first that fails raises, and none
    after it is executed; outside a transaction all of them are one, up to a COMMIT among them."""
    cursor = await connection.execute(sql.SQL("; ").join(statements))
    results: list[Rows] = []
    while True:
        if cursor.pgresult is not None and cursor.pgresult.status == pq.ExecStatus.TUPLES_OK:
            results.append(await cursor.fetchall())
        if not cursor.nextset():
            return results


@asynccontextmanager
async def transaction(connection: Connection, *first: sql.Composable) -> AsyncIterator[list[Rows]]:
    """Begins with `first`, and gives their rows. Whatever raises in it rolls it back; it is committed at its end, if
    it has not sent `COMMIT` with its last message."""
    try:
        yield await send(connection, _BEGIN, *first)
        if connection.info.transaction_status != pq.TransactionStatus.IDLE:
            await connection.execute(COMMIT)
    except BaseException:
        with suppress(psycopg.Error):  # then the connection is not used again
            await connection.rollback()
        raise


@asynccontextmanager
async def writing(connection: Connection, *first: sql.Composable) -> AsyncIterator[list[Rows]]:
    """A `transaction` on a writer, alone among all agents: the lock is on a table that only agents may touch, since an
    advisory lock could be taken by anybody."""
    async with transaction(connection, _ALONE, *first) as rows:
        yield rows


def filled(name: str, **parts: sql.Composable) -> sql.Composed:
    """The text of `sql/<name>.sql`, with `{…}` for each of the parts."""
    return _text(name).format(**parts)


@cache
def _text(name: str) -> sql.SQL:
    return sql.SQL(query(name).decode())
