"""SQL text to tokens, by PostgreSQL's lexical rules, in time linear in the text.

It exists to look at text before a C library does, so it knows only what decides where quoting begins and ends: strings
with their prefixes and continuations, dollar quotes, quoted identifiers, nested comments. It never decides what a
statement means. Source: PostgreSQL's `scan.l`, with standard_conforming_strings on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NoReturn

from p0_access.errors import ReadingError
from p0_access.permissions.places import Places

MAX_COMMENT_DEPTH: Final = 32

# The kinds of tokens are the numbers of the groups in _TOKEN.
ESCAPED_STRING: Final = 1
STRING: Final = 2
QUOTED_NAME: Final = 3
WORD: Final = 4
PUNCTUATION: Final = 5
OPERATOR: Final = 6
NUMBER: Final = 7
DOLLAR: Final = 8
COLON: Final = 9
BACKSLASH: Final = 10
_COMMENT: Final = 11
OTHER: Final = 12

Token = tuple[int, int, int]
"""Kind, start and end; offsets are in characters. Comments and white space make no tokens."""

# Characters from U+0080 on are letters to PostgreSQL, a no-break space among them. Said by what is left out, since
# `re` takes milliseconds for each class that names them, and a command line starts often.
_LETTER: Final = r"[^\x00-@\[-^`{-\x7f]"
ALPHANUMERIC: Final = r"[^\x00-/:-@\[-^`{-\x7f]"
"""Of a regular expression: what may follow in a name."""

# Possessive quantifiers keep every alternative linear; repeated groups are atomic instead, since Python before 3.11.5
# matches possessive ones wrongly (gh-106052). The empty last alternative matches at the end only.
_TOKEN: Final = re.compile(
    rf"""
    (?>(?:[ \t\n\r\f\v]++|--[^\n\r]*+)*)
    (?:
      ([eE]'[^'\\]*+(?>(?:(?:''|\\.)[^'\\]*+)*)')
    | ((?:[bBxXnN]|[uU]&)?'[^']*+(?>(?:''[^']*+)*)')
    | ((?:[uU]&)?"[^"]*+(?>(?:""[^"]*+)*)")
    | ((?![eE]'){_LETTER}(?>(?:{ALPHANUMERIC}|\$)*))
    | ([(),;\[\].])
    | ((?>(?:[+*<>=~!@\#%^&|`?]|-(?!-)|/(?!\*))+))
    | (\$?[0-9][0-9A-Za-z_]*+)
    | (\$(?:{_LETTER}{ALPHANUMERIC}*+)?\$)
    | (::|:=|:)
    | (\\)
    | (/\*)
    | (.)
    | \Z
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK: Final = re.compile(r"/\*|\*/")

# A string goes on after white space that holds a line end; an escaped one stays escaped.
_CONTINUATION: Final = re.compile(r"(?>(?:[ \t\f\v]|--[^\n\r]*+)*)[\n\r](?>(?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*)'")
_ESCAPED_REST: Final = re.compile(r"[^'\\]*+(?>(?:(?:''|\\.)[^'\\]*+)*)'", re.DOTALL)


def tokens(text: str) -> Iterator[Token]:
    """The tokens in order; raises ReadingError on quoting that never ends or comments nested too deeply."""
    position = 0
    match = _TOKEN.match
    while found := match(text, position):
        kind = found.lastindex
        if kind is None:
            break
        start, position = found.span(kind)
        if kind == _COMMENT:
            position = _comment_end(text, start)
            continue
        if kind == ESCAPED_STRING:
            position = _continued(text, position)
        elif kind == DOLLAR:
            position = _dollar_end(text, start, position)
        elif kind == OTHER and text[start] in "'\"eE":
            unterminated = "name" if text[start] == '"' else "string"
            _refuse(text, start, "syntax_error", f"a quoted {unterminated} never ends")
        yield kind, start, position


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth > MAX_COMMENT_DEPTH:
            _refuse(text, start, "too_complex", f"comments are nested deeper than {MAX_COMMENT_DEPTH}")
        if depth == 0:
            return mark.end()
    return _refuse(text, start, "syntax_error", "a comment never ends")


def _continued(text: str, position: int) -> int:
    while again := _CONTINUATION.match(text, position):
        rest = _ESCAPED_REST.match(text, again.end())
        if rest is None:
            _refuse(text, again.end() - 1, "syntax_error", "a quoted string never ends")
        position = rest.end()
    return position


def _dollar_end(text: str, start: int, position: int) -> int:
    end = text.find(text[start:position], position)
    if end < 0:
        _refuse(text, start, "syntax_error", "a dollar-quoted string never ends")
    return end + position - start


def _refuse(text: str, at: int, code: str, message: str) -> NoReturn:
    line, column = Places(text).line_and_column(at)
    raise ReadingError(message, code=code, line=line, column=column)
