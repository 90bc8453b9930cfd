"""One writer: whoever writes at the same time shares one commit, and nobody shares another's failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiosqlite
import pytest

from p0_server.errors import ConflictError
from p0_server.store.protocol import StoreError
from p0_server.store.writer import Writer


@pytest.fixture
async def connection() -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(":memory:", isolation_level=None) as opened:
        await opened.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        yield opened


async def insert(connection: aiosqlite.Connection, number: int) -> int:
    await connection.execute("INSERT INTO t VALUES (?)", (number,))
    return number


async def kept(connection: aiosqlite.Connection) -> list[int]:
    return [row[0] for row in await connection.execute_fetchall("SELECT n FROM t ORDER BY n")]


async def test_many_writes_share_few_commits(connection: aiosqlite.Connection) -> None:
    commits: list[None] = []
    writer = Writer(connection, lambda: commits.append(None))
    written = await asyncio.gather(*(writer.write(lambda tx, n=n: insert(tx, n)) for n in range(100)))  # type: ignore[misc]  # a default binds n
    await writer.close()
    assert list(written) == list(range(100)) == await kept(connection)
    assert len(commits) == 1


async def test_one_failure_undoes_only_itself(connection: aiosqlite.Connection) -> None:
    writer = Writer(connection, lambda: None)

    async def failing(tx: aiosqlite.Connection) -> int:
        await insert(tx, 7)
        raise ConflictError("no", code="no")

    results = await asyncio.gather(
        writer.write(lambda tx: insert(tx, 1)),
        writer.write(failing),
        writer.write(lambda tx: insert(tx, 1)),
        writer.write(lambda tx: insert(tx, 2)),
        return_exceptions=True,
    )
    await writer.close()
    assert [type(each) for each in results] == [int, ConflictError, StoreError, int]
    assert await kept(connection) == [1, 2]


async def test_nobody_is_answered_before_the_commit(connection: aiosqlite.Connection) -> None:
    answered: list[bool] = []
    writer = Writer(connection, lambda: answered.append(task.done()))
    task = asyncio.create_task(writer.write(lambda tx: insert(tx, 1)))
    await task
    await writer.close()
    assert answered == [False]


async def test_a_caller_that_goes_away_does_not_stop_the_others(connection: aiosqlite.Connection) -> None:
    writer = Writer(connection, lambda: None)
    going = asyncio.create_task(writer.write(lambda tx: insert(tx, 1)))
    staying = asyncio.create_task(writer.write(lambda tx: insert(tx, 2)))
    await asyncio.sleep(0)
    going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going
    assert await staying == 2
    await writer.close()
    assert 2 in await kept(connection)


async def test_what_waits_is_written_before_the_writer_closes(connection: aiosqlite.Connection) -> None:
    writer = Writer(connection, lambda: None)
    waiting = asyncio.create_task(writer.write(lambda tx: insert(tx, 1)))
    await asyncio.sleep(0)
    await writer.close()
    assert await waiting == 1
    with pytest.raises(StoreError):
        await writer.write(lambda tx: insert(tx, 2))


async def test_a_connection_that_is_gone_is_told_to_everybody(connection: aiosqlite.Connection) -> None:
    writer = Writer(connection, lambda: None)
    await connection.close()
    results = await asyncio.gather(*(writer.write(lambda tx: insert(tx, 1)) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [StoreError] * 3
    await writer.close()
