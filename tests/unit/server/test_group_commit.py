"""One writer: whoever writes at the same time shares one commit, and nobody shares another's failure."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from p0_server.errors import ConflictError
from p0_server.store.connection import Connection
from p0_server.store.records import StoreError
from p0_server.store.writer import Writer


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    opened = await Connection.open(tmp_path / "t.db")
    await opened.run(lambda db: db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    yield opened
    await opened.close()


def insert(number: int, db: sqlite3.Connection) -> int:
    db.execute("INSERT INTO t VALUES (?)", (number,))
    return number


async def kept(connection: Connection) -> list[int]:
    return await connection.run(lambda db: [row[0] for row in db.execute("SELECT n FROM t ORDER BY n")])


async def test_many_writes_share_few_commits(connection: Connection) -> None:
    commits: list[None] = []
    writer = Writer(connection, lambda: commits.append(None))
    written = await asyncio.gather(*(writer.write(partial(insert, n)) for n in range(100)))
    await writer.close()
    assert list(written) == list(range(100)) == await kept(connection)
    assert len(commits) == 1


async def test_one_failure_undoes_only_itself(connection: Connection) -> None:
    writer = Writer(connection, lambda: None)

    def failing(db: sqlite3.Connection) -> int:
        insert(7, db)
        raise ConflictError("no", code="no")

    results = await asyncio.gather(
        writer.write(partial(insert, 1)),
        writer.write(failing),
        writer.write(partial(insert, 1)),
        writer.write(partial(insert, 2)),
        return_exceptions=True,
    )
    await writer.close()
    assert [type(each) for each in results] == [int, ConflictError, StoreError, int]
    assert await kept(connection) == [1, 2]


async def test_nobody_is_answered_before_the_commit(connection: Connection) -> None:
    answered: list[bool] = []
    writer = Writer(connection, lambda: answered.append(task.done()))
    task = asyncio.create_task(writer.write(partial(insert, 1)))
    await task
    await writer.close()
    assert answered == [False]


async def test_a_caller_that_goes_away_does_not_stop_the_others(connection: Connection) -> None:
    writer = Writer(connection, lambda: None)
    going = asyncio.create_task(writer.write(partial(insert, 1)))
    staying = asyncio.create_task(writer.write(partial(insert, 2)))
    await asyncio.sleep(0)
    going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going
    assert await staying == 2
    await writer.close()
    assert 2 in await kept(connection)


async def test_what_waits_is_written_before_the_writer_closes(connection: Connection) -> None:
    writer = Writer(connection, lambda: None)
    waiting = asyncio.create_task(writer.write(partial(insert, 1)))
    await asyncio.sleep(0)
    await writer.close()
    assert await waiting == 1
    with pytest.raises(StoreError):
        await writer.write(partial(insert, 2))


async def test_a_connection_that_is_gone_is_told_to_everybody(connection: Connection) -> None:
    writer = Writer(connection, lambda: None)
    await connection.close()
    results = await asyncio.gather(*(writer.write(partial(insert, 1)) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [StoreError] * 3
    await writer.close()


async def test_a_full_disk_is_told_and_takes_nothing_that_was_kept(connection: Connection) -> None:
    """As SQLite sees one: the file may not grow any more."""

    def fill(db: sqlite3.Connection) -> None:
        db.executemany("INSERT INTO t VALUES (?)", ((number,) for number in range(1_000, 20_000)))

    writer = Writer(connection, lambda: None)
    await writer.write(partial(insert, 1))
    await connection.run(lambda db: db.execute("PRAGMA max_page_count = 4").fetchone())
    for each in await asyncio.gather(
        writer.write(fill), writer.write(partial(insert, 2)), writer.write(fill), return_exceptions=True
    ):
        assert isinstance(each, StoreError)
        assert (each.code, "is full" in str(each), each.hint is not None) == ("store_unavailable", True, True)
    await connection.run(lambda db: db.execute("PRAGMA max_page_count = 4000").fetchone())
    await writer.write(partial(insert, 3))
    await writer.close()
    assert await kept(connection) == [1, 3]
