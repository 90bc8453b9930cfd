"""SQL to coloured spans, by PostgreSQL's own scanner. Knows no widget, and refuses nothing: it only colours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from p0_tui.scanning import Token, scan

MAX_HIGHLIGHTED_BYTES: Final = 64 * 1024
"""Longer texts stay plain; they could not be requested either."""

Colour = Literal["keyword", "string", "number", "comment", "parameter"]


class Span(NamedTuple):
    """Characters `start` to `end` of one line."""

    start: int
    end: int
    colour: Colour


_TOKENS: Final[dict[str, Colour]] = {
    "SCONST": "string",
    "USCONST": "string",
    "BCONST": "string",
    "XCONST": "string",
    "ICONST": "number",
    "FCONST": "number",
    "PARAM": "parameter",
    "SQL_COMMENT": "comment",
    "C_COMMENT": "comment",
}
_VERBS: Final = frozenset(
    {
        "BEGIN_P", "BY", "COMMIT", "CONFLICT", "COPY", "DELETE_P", "EXCLUDE", "EXPLAIN", "FILTER", "FIRST_P", "INSERT",
        "LAST_P", "LOCK_P", "LOCKED", "MATCHED", "MERGE", "NEXT", "NOTHING", "NOWAIT", "NULLS_P", "OF", "OVER",
        "PARTITION", "RANGE", "RECURSIVE", "ROLLBACK", "ROWS", "SET", "SHARE", "SKIP", "TRUNCATE", "UPDATE",
    }
)  # fmt: skip
"""Of the words that are not keywords everywhere, those that shape a query; others (name, type, …) are often columns."""


def spans(sql: str) -> dict[int, list[Span]]:
    """Line number from 0 to its spans, in order. Of an unfinished text what stands before the unfinished token."""
    if len(sql) > MAX_HIGHLIGHTED_BYTES or "\0" in sql:
        return {}
    data = sql.encode("utf-8", "surrogatepass")
    found: dict[int, list[Span]] = defaultdict(list)
    starts = _line_starts(data)
    line = 0
    for start, end, colour in _tokens(sql):
        while line + 1 < len(starts) and starts[line + 1] <= start:
            line += 1
        row = line
        while True:
            line_end = starts[row + 1] - 1 if row + 1 < len(starts) else len(data)
            first, last = max(start, starts[row]), min(end, line_end)
            if last > first:
                found[row].append(Span(_chars(data, starts[row], first), _chars(data, starts[row], last), colour))
            if end <= line_end or row + 1 >= len(starts):
                break
            row += 1
    return dict(found)


def _tokens(sql: str) -> Iterator[tuple[int, int, Colour]]:
    """Byte offsets and colour of the tokens that have one."""
    for token in scan(sql).tokens:
        colour = _TOKENS.get(token.name) or _keyword(token)
        if colour is not None:
            yield token.start, token.end, colour


def _keyword(token: Token) -> Colour | None:
    plain = token.keyword in {"NO_KEYWORD", "UNRESERVED_KEYWORD"} and token.name not in _VERBS
    return None if plain else "keyword"


def _line_starts(data: bytes) -> list[int]:
    return [0, *(index + 1 for index, byte in enumerate(data) if byte == 0x0A)]


def _chars(data: bytes, line_start: int, offset: int) -> int:
    return len(data[line_start:offset].decode("utf-8", "surrogatepass"))
