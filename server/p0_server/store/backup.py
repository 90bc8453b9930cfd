"""A copy of a store, whole and of one moment, beside its running server."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from p0_server.store.records import StoreError


def back_up(path: Path, to: Path) -> int:
    """The size of the copy, in bytes. It is its owner's alone: it holds ID tokens while requests are open. Raises
    `StoreError`, and leaves no part of a copy; a file that is there already is left as it is."""
    if not path.exists():
        raise StoreError(f"{path} is not there", code="store_unavailable", hint="The server makes it.")
    try:
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise StoreError(f"{to} is there already", code="backup_exists", hint="Choose another name.") from error
    except OSError as error:
        raise StoreError(f"cannot make {to}: {error.strerror}", code="backup_failed") from error
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as store:
            store.execute("VACUUM INTO ?", (os.fspath(to),))
        descriptor = os.open(to, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, sqlite3.Error) as error:
        to.unlink()
        raise StoreError(f"cannot copy {path}: {error}", code="backup_failed") from error
    return to.stat().st_size
