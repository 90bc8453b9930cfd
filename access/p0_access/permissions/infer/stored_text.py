"""Whether a stored expression may cost anything, told from its tokens: most use nothing but built-in functions, and are
not worth parsing.

The texts are PostgreSQL's own, printed while nothing but pg_catalog was on the search path: whatever is somebody's
has a schema before its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.builtin import OPAQUE_FUNCTIONS, builtin
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.lexer import COLON, PUNCTUATION, QUOTED_NAME, WORD, tokens

_PLAIN_TYPES: Final = frozenset({"base", "enum"})
"""Kinds of types to which casting runs nothing of somebody's."""


_MAX_READ: Final = 65_536
"""Characters of an expression beyond which looking at its tokens saves nothing: parsing it has limits of its own."""
_MARK: Final = "\0"
_OPENING: Final = f"{_MARK}("
_DOT: Final = f"{_MARK}."
_CAST: Final = f"{_MARK}::"


def may_cost(catalog: Catalog, text: str) -> bool:
    """False only where running the expression needs nothing and reaches nothing."""
    if catalog.casts or len(text) > _MAX_READ:
        return True
    try:
        words = [_word(text, *each) for each in tokens(text)]
    except ReadingError:
        return True
    return any(_costs(catalog, words, place) for place in range(len(words)))


def _word(text: str, kind: int, start: int, end: int) -> str:
    """Names as they are, marks that matter with what is in no name before them, the rest as nothing."""
    if kind == WORD:
        return text[start:end]
    if kind == QUOTED_NAME:
        return text[start + 1 : end - 1].replace('""', '"')
    return f"{_MARK}{text[start:end]}" if kind in (PUNCTUATION, COLON) else ""


def _costs(catalog: Catalog, words: Sequence[str], place: int) -> bool:
    word, after, before = words[place], words[place + 1 : place + 4], words[max(place - 3, 0) : place]
    if word == "SELECT":
        return True
    if after[:1] == [_OPENING]:
        if before[-1:] == [_DOT] and before[:1] == [_CAST]:  # a type with its modifiers
            return False
        if before[-1:] == [_DOT] and before[-2:-1] != ["pg_catalog"]:
            return True
        return word == "OPERATOR" or word in _costly() or word in catalog.function_names
    if word == _CAST and after[1:2] == [_DOT] and len(after) > 2:
        schema, _, name = after
        known = catalog.type(schema, name)
        return catalog.relation(schema, name) is not None or (known is not None and known.kind not in _PLAIN_TYPES)
    return False


@cache
def _costly() -> frozenset[str]:
    """PostgreSQL's own functions that need something, or that nobody can tell what they do."""
    private = (name for name, each in builtin().functions["pg_catalog"].items() if each.private)
    return OPAQUE_FUNCTIONS.union(private, ("nextval", "currval", "setval", "lastval"))
