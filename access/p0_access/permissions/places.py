"""Places in a text: characters, UTF-8 bytes (what the parser counts), lines and columns (what people count)."""

from __future__ import annotations

import itertools
from bisect import bisect_right


class Places:
    """One text's arithmetic. Lines end with a line feed; lines and columns are 1-based and count characters.

    `line` and `column` say where the text begins, if it is a part of another."""

    __slots__ = ("_column", "_ends", "_line", "_one_line", "_starts", "text")

    def __init__(self, text: str, *, line: int = 1, column: int = 1) -> None:
        self.text = text
        self._line = line
        self._column = column
        # The byte offset after each character; None where bytes and characters are the same.
        self._ends = None if text.isascii() else _ends(text)
        self._starts: list[int] | None = None
        self._one_line = self._ends is None and "\n" not in text

    def character(self, byte: int) -> int:
        """The character at a byte offset; an offset beyond the end is the end."""
        if self._ends is None:
            return min(max(byte, 0), len(self.text))
        return min(bisect_right(self._ends, max(byte, 0)), len(self.text))

    def line_and_column(self, character: int) -> tuple[int, int]:
        if self._one_line:
            return self._line, character + self._column
        if self._starts is None:
            self._starts = _line_starts(self.text)
        line = bisect_right(self._starts, character)
        return self.moved(line, character - self._starts[line - 1] + 1)

    def of_byte(self, byte: int) -> tuple[int, int]:
        """The line and column of a byte offset."""
        if self._one_line and 0 <= byte <= len(self.text):
            return self._line, byte + self._column
        return self.line_and_column(self.character(byte))

    def moved(self, line: int, column: int) -> tuple[int, int]:
        """A line and column of the text by itself, in the text that it is a part of."""
        return line + self._line - 1, column + (self._column - 1 if line == 1 else 0)


def _ends(text: str) -> list[int]:
    return list(itertools.accumulate(len(each.encode("utf-8", "surrogatepass")) for each in text))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    found = text.find("\n")
    while found >= 0:
        starts.append(found + 1)
        found = text.find("\n", found + 1)
    return starts
