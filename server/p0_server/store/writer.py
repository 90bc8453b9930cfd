"""One writer for SQLite, with group commit: whoever writes at the same time shares one commit, and its fsync.

Each operation is a savepoint of its own in the shared transaction, so one that fails takes nothing with it. Nothing is
answered before the commit: what a caller is told has happened is on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from p0_access.errors import P0Error
from p0_server.store.connection import Connection
from p0_server.store.records import StoreError

MAX_BATCH: Final = 256
MAX_WAITING: Final = 10_000

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
"""Runs on the connection's thread, within a transaction."""


class _Entry:
    """An operation, its outcome once it ran, and who waits for it."""

    __slots__ = ("error", "future", "operation", "result")

    def __init__(self, operation: Operation[Any], future: asyncio.Future[Any]) -> None:
        self.operation = operation
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():  # whoever waited has gone; what was written stays written
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Later(Awaitable[T]):
    """What was queued, and is written when somebody needs it to be."""

    def __init__(self, future: asyncio.Future[T], wake: asyncio.Event) -> None:
        self._future = future
        self._wake = wake

    def __await__(self) -> Generator[Any, None, T]:
        if not self._future.done():
            self._wake.set()
        return self._future.__await__()


class Writer:
    """Owns the connection while it runs. `committed` is called after each commit, before anybody is answered."""

    def __init__(self, connection: Connection, committed: Callable[[], None]) -> None:
        self._connection = connection
        self._committed = committed
        self._waiting: deque[_Entry] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="p0-store-writer")

    async def write(self, operation: Operation[T]) -> T:
        """The operation's result, once it is durable. A cancelled caller does not undo it."""
        return await self.later(operation)

    def later(self, operation: Operation[T]) -> Awaitable[T]:
        """The same, but nobody is in a hurry: it goes with what is written next, or when it is awaited."""
        if self._closing or self._task.done():
            raise StoreError("the store is closed", code="store_closed")
        if len(self._waiting) >= MAX_WAITING:
            raise StoreError("too many writes are waiting", code="store_busy", hint="Try again in a moment.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(operation, future))
        return _Later(future, self._wake)

    async def close(self) -> None:
        """Writes what is waiting, then stops."""
        self._closing = True
        self._wake.set()
        await self._task

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._closing:
                await self._wake.wait()
                self._wake.clear()
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            if self._waiting:
                self._wake.set()
            if batch:
                await self._write_batch(batch)

    async def _write_batch(self, batch: Sequence[_Entry]) -> None:
        try:
            await self._connection.run(partial(_write_together, batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            for entry in batch:
                entry.error = entry.error or _translated(error)
        else:
            self._committed()
        for entry in batch:
            entry.settle()


def _write_together(batch: Sequence[_Entry], db: sqlite3.Connection) -> None:
    try:
        db.execute("BEGIN IMMEDIATE")
        for entry in batch:
            _write_one(entry, db)
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.rollback()
        raise


def _write_one(entry: _Entry, db: sqlite3.Connection) -> None:
    db.execute("SAVEPOINT one")
    try:
        entry.result = entry.operation(db)
    except Exception as error:
        if not db.in_transaction:  # SQLite gave all of it up, as it does on a full disk
            raise
        db.execute("ROLLBACK TO one")
        entry.error = error if isinstance(error, P0Error) else _translated(error)
    db.execute("RELEASE one")


def _translated(error: Exception) -> Exception:
    if not isinstance(error, sqlite3.Error):
        return error
    translated = StoreError(
        f"the store cannot write: {error}",
        code="store_unavailable",
        hint="Nothing of this was kept. Whoever runs the server: is there room on its disk?",
    )
    translated.__cause__ = error
    return translated
