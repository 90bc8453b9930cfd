"""A connection to SQLite on a thread of its own, set up as the store needs it.

A piece of work goes to the thread as a whole, however many statements it has: the way there and back costs more than
most statements do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from p0_server.store.protocol import StoreError

_BUSY_SECONDS: Final = 5.0
_CACHE_KIB: Final = 64 * 1024

T = TypeVar("T")


class Connection:
    """Pieces of work run one after another. Who is cancelled while one runs does not stop it."""

    def __init__(self, thread: ThreadPoolExecutor, sqlite: sqlite3.Connection) -> None:
        self._thread = thread
        self._sqlite = sqlite

    @classmethod
    async def open(cls, path: Path) -> Connection:
        """A file that is not there is made, for its owner alone. Raises `StoreError`."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="p0-store")
        try:
            return cls(thread, await asyncio.get_running_loop().run_in_executor(thread, _connect, path))
        except BaseException as error:
            thread.shutdown()
            if isinstance(error, OSError | sqlite3.Error):
                raise StoreError(f"cannot open the store {path}: {error}", code="store_unavailable") from error
            raise

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Raises what `work` raises, and `StoreError` after `close`."""
        try:
            running = asyncio.get_running_loop().run_in_executor(self._thread, work, self._sqlite)
        except RuntimeError as error:  # the executor's way to say that it was shut down
            raise StoreError("the store is closed", code="store_closed") from error
        return await running

    async def close(self) -> None:
        """Waits for what is running. It may be called again."""
        with contextlib.suppress(StoreError):
            await self.run(sqlite3.Connection.close)
        self._thread.shutdown()


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
