"""The rules in use, on a side that runs for long: good ones, which only good ones replace.

It is told how to read the file and does no I/O of its own; when to look again is its caller's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from p0_access.errors import P0Error
from p0_access.routing.load import load
from p0_access.routing.rules import RuleSet

Refreshed = Literal["same", "replaced", "kept"]


class CurrentRules:
    """`read` gives the file's bytes, or raises a `P0Error`; so does the constructor, since there is nothing to keep.

    `rules` were loaded from exactly `data`. `problem` is what is wrong with the file now, while it is not in use.
    """

    def __init__(self, read: Callable[[], bytes], *, source: str) -> None:
        self._read: Final = read
        self._source: Final = source
        self.data: bytes = read()
        self.rules: RuleSet = load(self.data, source=source)
        self.problem: P0Error | None = None
        self._refused: bytes | None = None

    def refresh(self) -> Refreshed:
        """`kept`: the file has become bad, `problem` says how, and the rules stay; told once for each bad content."""
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
            rules = load(data, source=self._source)
        except P0Error as error:
            self.problem, self._refused = error, data
            return "kept"
        self.data, self.rules, self.problem, self._refused = data, rules, None, None
        return "replaced"
