"""A connection to SQLite on a thread of its own, set up as the store needs it.

A piece of work goes to the thread as a whole, however many statements it has: the way there and back costs more than
most statements do.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import aiosqlite

from p0_server.store.records import StoreError

NOT_A_STORE: Final = "Is it the file of a p0 server? If it is damaged, restore a backup"

_BUSY_SECONDS: Final = 5.0
_CACHE_KIB: Final = 64 * 1024

T = TypeVar("T")


class Connection(aiosqlite.Connection):
    """Pieces of work run one after another. Who is cancelled while one runs does not stop it."""

    @classmethod
    async def open(cls, path: Path) -> Connection:
        """A file that is not there is made, for its owner alone. Raises `StoreError`."""
        connection = cls(functools.partial(_connect, path), iter_chunk_size=1)
        try:
            await connection
        except (OSError, sqlite3.Error) as error:
            await asyncio.to_thread(connection._thread.join)  # it still tells this loop that it has stopped
            found = not isinstance(error, OSError | sqlite3.OperationalError)
            raise StoreError(
                f"cannot open the store {path}: {error}",
                code="store_unavailable",
                hint=NOT_A_STORE if found else "Is its folder there, and may whoever runs this write to it?",
            ) from error
        return connection

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Raises what `work` raises, and `StoreError` after `close`."""
        if not self._running or self._connection is None:
            raise StoreError("the store is closed", code="store_closed")
        done: T = await self._execute(work, self._connection)  # type: ignore[no-untyped-call]  # typed in public only
        return done


def _connect(path: Path) -> sqlite3.Connection:
    with contextlib.suppress(FileExistsError):
        # Its owner's alone, since it holds ID tokens while requests are open. One that is there is not opened here: to
        # close it would drop the locks that another store in this process has on it (fcntl(2)).
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    sqlite = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    try:
        sqlite.row_factory = sqlite3.Row
        sqlite.execute("PRAGMA journal_mode = WAL")
        sqlite.execute("PRAGMA synchronous = FULL")
        sqlite.execute("PRAGMA foreign_keys = ON")
        sqlite.execute(f"PRAGMA cache_size = -{_CACHE_KIB:d}")
        sqlite.execute("PRAGMA secure_delete = ON")  # tokens that are forgotten are gone
    except BaseException:
        sqlite.close()
        raise
    return sqlite
