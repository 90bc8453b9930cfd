"""Names of a catalog's relations and routines, looked for in texts that PostgreSQL resolves only as they run.

Whatever looks like a name is one: in strings, too, since those may be executed. Only comments in bodies are passed
over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.lexer import tokens

WORD: Final = re.compile(r"\w+")
_BODY: Final = re.compile(r"\nAS (\$(?:function|procedure)x*\$)")
"""How pg_get_functiondef begins a body; an x more for each that is in it."""


class Vocabulary(msgspec.Struct, frozen=True):
    """Plain words by their lower case, and the few names that are none."""

    plain: dict[str, list[str]]
    odd: tuple[str, ...]

    def mentioned(self, text: str) -> set[str]:
        words = set(WORD.findall(text.lower()))
        found = {each for word in words & self.plain.keys() for each in self.plain[word]}
        return found | {each for each in self.odd if each in text}


def relations(catalog: Catalog) -> Vocabulary:
    return _vocabulary(catalog, "relations", (name for _, name in catalog.tables()))


def routines(catalog: Catalog) -> Vocabulary:
    return _vocabulary(catalog, "routines", (name for _, name in catalog.routines()))


def without_comments(definition: str) -> str:
    """A function's definition without the comments in its body; all of it where there is any doubt about those: with a
    backslash, say, whose meaning in a string is a setting."""
    begins = list(_BODY.finditer(definition))
    if len(begins) != 1 or "\\" in definition:
        return definition
    body = definition[begins[0].end() : definition.rindex(begins[0].group(1))]
    try:
        told = " ".join(body[start:end] for _, start, end in tokens(body))
    except ReadingError:
        return definition
    return f"{definition[: begins[0].start()]} {told}"


def _vocabulary(catalog: Catalog, key: str, names: Iterable[str]) -> Vocabulary:
    """Made once for a catalog."""
    found = catalog.memory.get((__name__, key))
    if not isinstance(found, Vocabulary):
        plain: dict[str, list[str]] = {}
        every = frozenset(names)
        for each in every:
            if WORD.fullmatch(each):
                plain.setdefault(each.lower(), []).append(each)
        odd = tuple(sorted(each for each in every if not WORD.fullmatch(each)))
        found = catalog.memory[__name__, key] = Vocabulary(plain, odd)
    return found
