"""One server for a store: it remembers what it has on the disk (catalogs, used proofs), and wakes its own callers."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from p0_server.store.records import StoreError


@contextlib.contextmanager
def only_server(path: Path) -> Iterator[None]:
    """Held by the system until the block or the process ends, however it ends. Commands that look at the store beside
    its server don't ask for it. Raises `StoreError` while another server has it."""
    store = path.resolve()  # as SQLite does: by whatever link it is reached, it is one store
    beside = store.with_name(store.name + ".lock")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot open {beside}: {error.strerror}",
            code="store_unavailable",
            hint="Is its folder there, and may whoever runs this write to it?",
        ) from error
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(
            f"another server runs on the store {path}",
            code="store_in_use",
            hint="Stop it first, or give this one a store of its own.",
        ) from error
