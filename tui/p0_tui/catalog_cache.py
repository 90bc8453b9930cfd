"""The last catalog of each database, as its agent signed it, for drafting while the server is away.

What is read back is untrusted like what comes from the server: the caller verifies the agent's signature again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from p0_access.encoding import decode, encode, sha256_b64u
from p0_access.errors import MalformedError
from p0_access.messages.views import CatalogView
from p0_tui.private_file import write_private

MAX_BYTES: Final = 80 * 1024 * 1024


class CatalogCache:
    """One 0600 file for each database; `directory` None keeps nothing. A cache that fails is none: it never raises."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def keep(self, database: str, view: CatalogView) -> None:
        if self._directory is None:
            return
        try:
            write_private(self._path(self._directory, database), encode(view))
        except OSError:
            return  # there will be nothing to draft with offline, and nothing else

    def find(self, database: str) -> CatalogView | None:
        if self._directory is None:
            return None
        try:
            return decode(self._path(self._directory, database).read_bytes(), CatalogView, max_bytes=MAX_BYTES)
        except (OSError, MalformedError):
            return None

    def _path(self, directory: Path, database: str) -> Path:
        """Names of databases may hold anything."""
        return directory / f"{sha256_b64u(database.encode())}.json"
