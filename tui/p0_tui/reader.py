"""The kernel's reading of the text being typed, remembered by text and catalog.

The parser is loaded by `load`, after the first paint. A text that is long is read a moment after the last key instead
of within it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.reading import Reading, Refused

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
        """The reading; a text that cannot even be split is one refused statement."""
        if self._read is None:
            return None
        key = (sql, catalog.database, catalog.version)
        found = self._seen.get(key)
        if found is None:
            try:
                found = self._read(sql, catalog)
            except ReadingError as error:
                found = (_refused(sql, error),)
            self._seen[key] = found
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return found


def is_short(sql: str) -> bool:
    """Whether `sql` can be read within a key press."""
    return len(sql) <= MAX_CHARS_AT_ONCE and sql.count("\n") < MAX_LINES_AT_ONCE


def _refused(sql: str, error: ReadingError) -> Refused:
    return Refused(
        index=0,
        text=sql,
        code=error.code,
        message=str(error),
        hint=error.hint,
        line=error.line,
        column=error.column,
    )
