"""A file in use by a side that runs for long: a good version, which only a good one replaces.

It is told how to read the file and does no I/O of its own; when to look again is its caller's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Literal, TypeVar

from p0_access.errors import P0Error

T = TypeVar("T")

Refreshed = Literal["same", "replaced", "kept"]


class Followed(Generic[T]):
    """`read` gives the file's bytes and `parse` what they say; each may raise a `P0Error`. So does the constructor,
    since there is nothing to keep.

    `value` was read from exactly `data`. `problem` is what is wrong with the file now, while it is not in use.
    """

    def __init__(self, read: Callable[[], bytes], parse: Callable[[bytes], T]) -> None:
        self._read: Final = read
        self._parse: Final = parse
        self.data: bytes = read()
        self.value: T = parse(self.data)
        self.problem: P0Error | None = None
        self._refused: bytes | None = None

    def refresh(self) -> Refreshed:
        """`kept`: the file has become bad, `problem` says how, and the value stays; told once for each bad content."""
        try:
            data = self._read()
        except P0Error as error:
            told = self.problem is not None and str(self.problem) == str(error)
            self.problem, self._refused = error, None
            return "same" if told else "kept"
        if data == self._refused:
            return "same"
        if data == self.data:
            self.problem = self._refused = None
            return "same"
        try:
            value = self._parse(data)
        except P0Error as error:
            self.problem, self._refused = error, data
            return "kept"
        self.data, self.value, self.problem, self._refused = data, value, None, None
        return "replaced"
