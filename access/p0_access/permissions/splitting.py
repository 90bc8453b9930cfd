"""A text cut at the semicolons between its statements, as psql cuts it, in time linear in the text.

Only a text that the parser refuses is cut like this, or one that is too long to be parsed at once: so that each
statement has a reading or an error of its own. The parser decides what the parts are; nothing is believed of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from p0_access.errors import ReadingError
from p0_access.permissions import psql_commands
from p0_access.permissions.lexer import BACKSLASH, PUNCTUATION, WORD, tokens
from p0_access.permissions.places import Places


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One statement's text and where it begins, 1-based."""

    text: str
    line: int
    column: int


def split(text: str) -> Iterator[Part]:
    """The parts that hold anything, in order. What follows quoting that never ends is one part."""
    places = Places(text)
    begin = 0
    for end in _ends(text):
        part = text[begin:end].strip("; \t\n\r\f\v")
        if part:
            start = text.index(part, begin)
            line, column = places.line_and_column(start)
            yield Part(text=part, line=line, column=column)
        begin = end


def split_stream(chunks: Iterator[str]) -> Iterator[Part]:
    """The parts of a text that comes in chunks, each as soon as it is whole."""
    text = ""
    line, column = 1, 1
    wanted = 0
    for chunk in chunks:
        text += chunk
        if len(text) < wanted or ";" not in chunk:
            continue
        parts = list(split(text))
        complete = parts[:-1]
        for part in complete:
            yield _at(part, line, column)
        if complete:
            begin = _offset(text, parts[-1])
            line, column = Places(text, line=line, column=column).line_and_column(begin)
            text = text[begin:]
        wanted = 2 * len(text)
    for part in split(text):
        yield _at(part, line, column)


def _at(part: Part, line: int, column: int) -> Part:
    moved = Places("", line=line, column=column).moved(part.line, part.column)
    return Part(text=part.text, line=moved[0], column=moved[1])


def _offset(text: str, part: Part) -> int:
    """Where a part begins, in characters."""
    begin = 0
    for _ in range(part.line - 1):
        begin = text.index("\n", begin) + 1
    return begin + part.column - 1


def _ends(text: str) -> Iterator[int]:
    """Where parts end, the end of the text among them."""
    depth = 0
    atomic = 0
    resume = 0
    last = ""
    try:
        for kind, start, end in tokens(text):
            if start < resume:
                continue
            word = text[start:end].lower() if kind == WORD and end - start <= len("atomic") else ""
            if kind == BACKSLASH:
                resume = _after_command(text, start)
            elif kind == PUNCTUATION:
                mark = text[start]
                depth = max(depth + (mark in "([") - (mark in ")]"), 0)
                if mark == ";" and not depth and not atomic:
                    yield end
            elif (word == "atomic" and last == "begin") or (atomic and word == "case"):
                atomic += 1
            elif atomic and word == "end":
                atomic -= 1
            last = word
    except ReadingError:
        pass
    yield len(text)


def _after_command(text: str, start: int) -> int:
    """Where SQL goes on after a psql command, whether it is one that may stay or not."""
    try:
        return psql_commands.command(text, start)[0]
    except ReadingError:
        line_end = text.find("\n", start)
        return len(text) if line_end < 0 else line_end
