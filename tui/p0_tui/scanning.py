"""PostgreSQL's own scanner over text that may be unfinished. Gives tokens in bytes; knows no colours and no names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple


class Token(NamedTuple):
    """Bytes `start` to `end` of the UTF-8 text; `name` is the scanner's, such as IDENT; `keyword` its keyword kind."""

    start: int
    end: int
    name: str
    keyword: str


class Scan(NamedTuple):
    """The tokens, and whether the text ends inside one (a string, a comment, a quoted name)."""

    tokens: Sequence[Token]
    unfinished: bool


def scan(sql: str) -> Scan:
    """Of an unfinished text, what stands before the unfinished token."""
    from postgast import PgQueryError
    from postgast import scan as scanned

    unfinished = False
    try:
        found = scanned(sql).tokens
    except UnicodeEncodeError:
        return Scan((), unfinished=True)
    except PgQueryError as error:
        place = error.cursorpos  # 1-based, in characters, at the token that does not end
        unfinished = True
        try:
            found = scanned(sql[: place - 1]).tokens if place > 1 else ()
        except PgQueryError:
            return Scan((), unfinished=True)
    names, keywords = _names()
    return Scan(
        [Token(each.start, each.end, names[each.token], keywords[each.keyword_kind]) for each in found], unfinished
    )


@cache
def _names() -> tuple[dict[int, str], dict[int, str]]:
    """The names of tokens and of keyword kinds, by the scanner's numbers."""
    from postgast import pg_query_pb2

    return (
        {number: name for name, number in pg_query_pb2.Token.items()},
        {number: name for name, number in pg_query_pb2.KeywordKind.items()},
    )
