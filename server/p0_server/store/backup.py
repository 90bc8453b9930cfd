"""A copy of a store, whole and of one moment, beside its running server."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from p0_server.store.records import StoreError

SUFFIX: Final = ".partial"
"""How the name ends of a copy that is being made."""

_LISTEN_EVERY: Final = 10_000
"""Steps of SQLite between two looks at whether somebody has pressed Ctrl-C: some milliseconds."""


def back_up(path: Path, to: Path) -> int:
    """The size of the copy, in bytes. It is its owner's alone: it holds ID tokens while requests are open.

    It gets its name when it is whole. Raises `StoreError`, or `KeyboardInterrupt`, and leaves no part of a copy; a file
    that is there already is left as it is.
    """
    if not path.exists():
        raise StoreError(f"{path} is not there", code="store_unavailable", hint="The server makes it.")
    if os.path.lexists(to):
        raise StoreError(f"{to} is there already", code="backup_exists", hint="Choose another name.")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{to.name}.", suffix=SUFFIX, dir=to.parent)
    except OSError as error:
        hint = "The copy goes into a folder that is there, and that you may write to."
        raise StoreError(f"cannot make {to}: {error.strerror}", code="backup_failed", hint=hint) from error
    try:
        _copy(path, name)
        os.fsync(descriptor)
        Path(name).rename(to)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot copy {path}: {error}", code="backup_failed") from error
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)
    return to.stat().st_size


def _copy(path: Path, to: str) -> None:
    """Into a file that is empty. SQLite runs without Python in between, which hears of signals only at a call."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.set_progress_handler(lambda: None, _LISTEN_EVERY)
        try:
            store.execute("VACUUM INTO ?", (to,))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise KeyboardInterrupt from error
            raise
