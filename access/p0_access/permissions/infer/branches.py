"""Which branches of a trigger's function run, so far as they ask for TG_OP: what the others need is not needed.

Three-valued: a condition is true, false, or not known before it runs. Only comparisons of TG_OP with strings are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.permissions.lexer import OPERATOR, PUNCTUATION, STRING, WORD, tokens

_EQUAL: Final = frozenset({"="})
_UNEQUAL: Final = frozenset({"<>", "!="})
_OPERATION: Final = "tg_op"


def decided(condition: str, event: str | None) -> bool | None:
    """Whether a condition holds when a trigger fires for `event`; None if that cannot be told."""
    words = _words(condition)
    if event is None or _OPERATION not in words or "case" in words or "between" in words:
        return None
    return _any(words, event.upper())


def chosen(subject: str, values: str, event: str | None) -> bool | None:
    """The same of `CASE subject WHEN values`."""
    if event is None or _words(subject) != [_OPERATION]:
        return None
    return _listed(_words(values), event.upper())


def _words(text: str) -> list[str]:
    """Words in lower case, marks and operators as they are, strings with their quotes; the rest as nothing."""
    found: list[str] = []
    for kind, start, end in tokens(text):
        piece = text[start:end]
        found.append(piece.lower() if kind == WORD else piece if kind in (PUNCTUATION, OPERATOR, STRING) else "")
    return found


def _any(words: Sequence[str], event: str) -> bool | None:
    found = [_all(each, event) for each in _parted(words, "or")]
    return True if True in found else None if None in found else False


def _all(words: Sequence[str], event: str) -> bool | None:
    found = [_term(each, event) for each in _parted(words, "and")]
    return False if False in found else None if None in found else True


def _term(words: Sequence[str], event: str) -> bool | None:
    match list(words):
        case ["not", *rest]:
            inner = _term(rest, event)
            return None if inner is None else not inner
        case ["(", *rest, ")"] if len(list(_parted(rest, ")"))) == 1:
            return _any(rest, event)
        case ["tg_op", comparison, value] | [value, comparison, "tg_op"] if value[:1] == "'":
            same = value[1:-1] == event
            return same if comparison in _EQUAL else not same if comparison in _UNEQUAL else None
        case ["tg_op", "in", "(", *values, ")"]:
            return _listed(values, event)
        case ["tg_op", "not", "in", "(", *values, ")"]:
            inner = _listed(values, event)
            return None if inner is None else not inner
    return None


def _listed(words: Sequence[str], event: str) -> bool | None:
    """Whether the event is in a list of strings; None if it is a list of anything else."""
    values, commas = words[::2], words[1::2]
    if any(each[:1] != "'" for each in values) or any(each != "," for each in commas):
        return None
    return f"'{event}'" in values


def _parted(words: Sequence[str], at: str) -> list[Sequence[str]]:
    """The parts between a word that stands outside of brackets."""
    parts: list[Sequence[str]] = []
    depth = begin = 0
    for place, word in enumerate(words):
        if word == at and depth == 0:
            parts.append(words[begin:place])
            begin = place + 1
        depth += (word in ("(", "[")) - (word in (")", "]"))
    return [*parts, words[begin:]]
