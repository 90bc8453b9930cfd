"""Drafts on disk: nothing that was typed is lost by a crash, a closed terminal or an expired login.

One JSON file (0600, in a 0700 directory), replaced atomically: the draft being written and the recent ones. SQL and
reasons can be telling, so nobody else may read it, and it holds no more than `MAX_RECENT`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError
from p0_tui.backend import Draft
from p0_tui.private_file import write_private

MAX_RECENT = 50
MAX_FILE_BYTES = 8 * 1024 * 1024


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: int = 1
    current: Draft
    recent: tuple[Draft, ...] = ()


class Drafts:
    """The current draft and the recent ones, newest first. A file that cannot be read or written is no reason to stop:
    `problem` then says what happened."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.problem: str | None = None
        self.current = Draft(database="", sql="")
        self.recent: tuple[Draft, ...] = ()
        self._load()

    def save(self, draft: Draft) -> None:
        """Keeps `draft` as the one being written."""
        if draft != self.current:
            self.current = draft
            self._store()

    def submitted(self, draft: Draft) -> None:
        """Puts `draft` first among the recent ones."""
        others = tuple(item for item in self.recent if (item.database, item.sql) != (draft.database, draft.sql))
        self.recent = (draft, *others)[:MAX_RECENT]
        self._store()

    def _load(self) -> None:
        if self._path is None:
            return
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self.problem = f"the drafts could not be read: {error.strerror}"
            return
        try:
            stored = decode(data, _File, max_bytes=MAX_FILE_BYTES)
        except MalformedError:
            self.problem = "the drafts file is damaged; it will be replaced"
            return
        self.current, self.recent = stored.current, stored.recent

    def _store(self) -> None:
        if self._path is None:
            return
        try:
            write_private(self._path, encode(_File(current=self.current, recent=self.recent)))
        except OSError as error:
            self.problem = f"the drafts could not be saved: {error.strerror}"
        else:
            self.problem = None
