"""Which columns of NEW a trigger's function may set, as far as its text tells: told from its tokens, so that comments,
strings and quoted names hide nothing. What is not plain counts as all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.lexer import QUOTED_NAME, STRING, WORD, tokens

# What may follow RETURN without another row being made.
_RETURNED: Final = (["new", ";"], ["old", ";"], ["null", ";"], ["coalesce", "(", "new", ",", "old", ")", ";"])
_MAX_READ: Final = 65_536
"""Characters of a body beyond which it is not worth the time."""
_BEGIN: Final = frozenset({";", "begin", "then", "else", "loop", ">>"})
"""What stands before a statement."""


def set_in_new(body: str | None) -> frozenset[str] | None:
    """The columns of NEW that the body names; None for any."""
    if body is not None and len(body) > _MAX_READ:
        return None
    try:
        words = [_word(body, *each) for each in tokens(body)] if body is not None else []
    except ReadingError:
        return None
    found: set[str] = set()
    into = False
    for place, word in enumerate(words):
        if word == ";":
            into = False
        elif word == "into":
            into = into or words[place - 1 : place] not in (["insert"], ["merge"])
        elif word == "return":
            if not any(words[place + 1 : place + 1 + len(each)] == each for each in _RETURNED):
                return None
        elif word == "new":
            if words[place + 1 : place + 2] == ["."]:
                found.update(words[place + 2 : place + 3])
            elif not _is_returned(words, place):
                return None
        elif word == "old" and _is_set(words, place, into=into):
            return None
    return None if body is None else frozenset(found)


def _word(text: str, kind: int, start: int, end: int) -> str:
    if kind == WORD:
        return text[start:end].lower()
    if kind == QUOTED_NAME:
        return text[start + 1 : end - 1].replace('""', '"')
    return "" if kind == STRING else text[start:end]


def _is_returned(words: Sequence[str], place: int) -> bool:
    before = list(words[max(place - 3, 0) : place])
    return before[-1:] == ["return"] or before == ["return", "coalesce", "("]


def _is_set(words: Sequence[str], place: int, *, into: bool) -> bool:
    """Whether this mention of OLD gives it, or one of its columns, another value."""
    before, after = words[place - 1 : place], words[place + 1 : place + 4]
    following = after[2:3] if after[:1] == ["."] else after[:1]
    if following in ([":="], ["["]) or (into and before in (["into"], ["strict"], [","])) or before == ["for"]:
        return True
    return following == ["="] and before[:1] != [] and before[0] in _BEGIN
