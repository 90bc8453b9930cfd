"""Drafts on disk: nothing that was typed is lost by a crash, a closed terminal, an expired login or a second p0 tui.

JSON files (0600, in a 0700 directory), replaced atomically, each with the draft being written and the recent ones. SQL
and reasons can be telling, so nobody else may read them, and a file holds no more than `MAX_RECENT`.

Every running p0 tui has a file of its own, held by a lock: `drafts.json` for the first, `drafts-2.json` for one beside
it, and so on. Whoever starts takes over what those that are gone have left.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError
from p0_tui.backend import Draft
from p0_tui.private_file import write_private

MAX_RECENT: Final = 50
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_AT_ONCE: Final = 16


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: int = 1
    current: Draft
    recent: tuple[Draft, ...] = ()


class Drafts:
    """The current draft and the recent ones, newest first; `directory` None keeps nothing. A file that cannot be read
    or written is no reason to stop: `problem` then says what happened."""

    def __init__(self, directory: Path | None) -> None:
        self.problem: str | None = None
        self.current = Draft(database="", sql="")
        self.recent: tuple[Draft, ...] = ()
        self._locks: list[int] = []
        self._path: Path | None = None
        if directory is not None:
            try:
                self._take_over(directory)
            except OSError as error:
                self.problem = f"the drafts could not be read: {error.strerror}"

    def close(self) -> None:
        """Lets another p0 tui take over."""
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks = []

    def save(self, draft: Draft) -> None:
        """Keeps `draft` as the one being written."""
        if draft != self.current:
            self.current = draft
            self._store()

    def keep(self, draft: Draft) -> None:
        """Puts `draft` first among the recent ones: it was submitted, or another takes its place."""
        if draft.sql.strip():
            self._remember(draft)
            self._store()

    def _remember(self, draft: Draft) -> None:
        others = tuple(item for item in self.recent if (item.database, item.sql) != (draft.database, draft.sql))
        self.recent = (draft, *others)[:MAX_RECENT]

    def _take_over(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = self._free_files(directory)
        if not free:
            self.problem = f"more than {MAX_AT_ONCE} p0 tui at once: drafts are not kept"
            return
        self._path, *gone = free
        left = [stored for path in free if (stored := self._read(path)) is not None]
        if left:
            self.current = left[0].current
        for stored in reversed(left):
            for draft in (*reversed(stored.recent), stored.current):
                if draft.sql.strip() and draft != self.current:
                    self._remember(draft)
        if gone:
            self._store()
            for path in gone:
                path.unlink()

    def _free_files(self, directory: Path) -> list[Path]:
        """Those that nobody holds, which are ours from now on: the first one whether it is there or not."""
        free: list[Path] = []
        for number in range(1, MAX_AT_ONCE + 1):
            path = directory / ("drafts.json" if number == 1 else f"drafts-{number}.json")
            if (not free or path.exists()) and self._lock(path.with_suffix(".lock")):
                free.append(path)
        return free

    def _lock(self, path: Path) -> bool:
        """Whether this file of drafts is ours now. The lock goes with the process, however that ends."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._locks.append(descriptor)
        return True

    def _read(self, path: Path) -> _File | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return decode(data, _File, max_bytes=MAX_FILE_BYTES)
        except MalformedError:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            self.problem = f"the drafts file is damaged; it was put aside as {aside}"
            return None

    def _store(self) -> None:
        if self._path is None:
            return
        try:
            write_private(self._path, encode(_File(current=self.current, recent=self.recent)))
        except OSError as error:
            self.problem = f"the drafts could not be saved: {error.strerror}"
        else:
            self.problem = None
