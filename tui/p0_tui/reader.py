"""The kernel's reading of the text being typed, remembered by text and catalog.

The parser is loaded by `load`, after the first paint. A text that is long is read a moment after the last key instead
of within it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.reading import Reading

MAX_LINES_AT_ONCE: Final = 50
MAX_CHARS_AT_ONCE: Final = 8_000
_REMEMBERED: Final = 64


class Reader:
    def __init__(self) -> None:
        self._read: Callable[[str, Catalog], Reading] | None = None
        self._seen: OrderedDict[tuple[str, str, str], Reading] = OrderedDict()

    def load(self) -> None:
        """Imports the parser; until then `read` gives None."""
        from p0_access.permissions.infer import read

        self._read = read

    def read(self, sql: str, catalog: Catalog) -> Reading | None:
        """The reading, or None while the parser is not there."""
        if self._read is None:
            return None
        key = (sql, catalog.database, catalog.version)
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = self._read(sql, catalog)
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return found


def is_short(sql: str) -> bool:
    """Whether `sql` can be read within a key press."""
    return len(sql) <= MAX_CHARS_AT_ONCE and sql.count("\n") < MAX_LINES_AT_ONCE
