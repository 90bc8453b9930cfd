"""Scripts as psql takes them, cut into statements: meta-commands are dropped, and so is the data of COPY … FROM stdin.

Knows quotes, dollar quotes, comments and brackets, and no grammar: a text that is no SQL comes out as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.lexer import tokens

_FROM_STDIN: Final = re.compile(r"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_TEMPORARY: Final = re.compile(r"(\s*create\s+(?:or\s+replace\s+)?)(?:(?:local\s+)?temp(?:orary)?)\s+", re.IGNORECASE)
_ATOMIC: Final = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
_END: Final = re.compile(r"\bend\s*\Z", re.IGNORECASE)


def statements(script: str) -> Iterator[str]:
    """In order, without semicolons and leading comments. What was to be temporary is made for all to see."""
    for text in _cut("\n".join(_lines(script))):
        yield _TEMPORARY.sub(r"\1", text, count=1)


def _lines(script: str) -> Iterator[str]:
    """Those that psql would send."""
    data, statement = False, ""
    for line in script.split("\n"):
        if data:
            data = line.rstrip() != "\\."
            continue
        if line.startswith("\\"):
            yield ";" if line.startswith(("\\g", "\\;", "\\crosstabview", "\\bind", "\\parse")) else ""
            continue
        statement += line + "\n"
        yield line
        if line.rstrip().endswith(";"):
            data = _FROM_STDIN.match(_last(statement)) is not None
            statement = ""


def _last(text: str) -> str:
    *_, last = [each for each in text.rstrip().rstrip(";").split(";") if each.strip()] or [""]
    return re.sub(r"\A(?:\s*--[^\n]*\n)+", "", last)


def _cut(text: str) -> Iterator[str]:
    """At semicolons outside brackets; from the first token, so without comments before it."""
    begin, depth = -1, 0
    try:
        for _, start, end in tokens(text):
            mark = text[start:end]
            depth += {"(": 1, ")": -1}.get(mark, 0)
            if mark != ";" or depth > 0:
                begin = start if begin < 0 else begin
            elif begin >= 0:
                part = text[begin:start].strip()
                if not _ATOMIC.search(part) or _END.search(part):
                    yield part
                    begin, depth = -1, 0
    except ReadingError:
        return
    if begin >= 0:
        yield text[begin:].strip()
