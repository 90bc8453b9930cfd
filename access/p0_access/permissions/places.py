"""Places in a text: characters, UTF-8 bytes (what the parser counts), lines and columns (what people count)."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from functools import cached_property


class Places:
    """One text's arithmetic. Lines end with a line feed; lines and columns are 1-based and count characters."""

    def __init__(self, text: str) -> None:
        self.text = text

    def character(self, byte: int) -> int:
        """The character at a byte offset; an offset beyond the end is the end."""
        if self._ends is None:
            return min(max(byte, 0), len(self.text))
        return min(bisect_right(self._ends, max(byte, 0)), len(self.text))

    def line_and_column(self, character: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, character)
        return line, character - self._line_starts[line - 1] + 1

    @cached_property
    def _ends(self) -> list[int] | None:
        """The byte offset after each character; None where bytes and characters are the same."""
        if self.text.isascii():
            return None
        return list(itertools.accumulate(len(each.encode("utf-8", "surrogatepass")) for each in self.text))

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        found = self.text.find("\n")
        while found >= 0:
            starts.append(found + 1)
            found = self.text.find("\n", found + 1)
        return starts
