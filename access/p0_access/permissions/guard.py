"""The guard: a linear look at a text before any C library sees it.

The parser's library crashes on deep nesting and takes quadratic time on nested comments, and psql changes what it is
given. The guard bounds the one and refuses the other. What passes is small and flat enough to be parsed; whether it is
SQL is not the guard's business.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from p0_access.errors import ReadingError
from p0_access.permissions import psql_commands
from p0_access.permissions.lexer import BACKSLASH, COLON, MAX_COMMENT_DEPTH, OPERATOR, PUNCTUATION, WORD, tokens
from p0_access.permissions.places import Places

MAX_TEXT_BYTES: Final = 64 * 1024
MAX_BRACKET_DEPTH: Final = 256
MAX_OPERATORS: Final = 2_000
"""In one expression, together with the expressions around it."""
MAX_ARMS: Final = 500
"""Of UNION, INTERSECT and EXCEPT in one statement."""
MAX_COPIED: Final = 500_000
"""Characters of what is assigned to several columns at once, times the columns: the tree has a copy for each."""
MAX_OPENED: Final = 16
"""Comments that are opened in one run of characters that operators are made of: the parser reads on to the end of the
run for each."""
_RUN: Final = re.compile(r"[-~!@#^&|`?+*/%<>=]{256,}+")
_LONGEST_OPERATOR: Final = 4
"""The parser may take a longer one for many."""

_SET_OPERATIONS: Final = frozenset({"union", "intersect", "except"})
_JSON_OBJECTS: Final = frozenset({"json_object", "json_objectagg"})

# What makes the parser's tree deeper without a bracket. AND and OR make flat lists: like the words that begin another
# clause, they end an expression.
_DEEPENING: Final = frozenset(
    {"not", "collate", "at", "is", "isnull", "notnull", "like", "ilike", "similar", "in", "between", "operator"}
    | {"escape", "join"}
)
_ENDING: Final = frozenset({"and", "or", "select", "from", "where", "group", "having", "order", "when", "then", "else"})
_LONGEST_NOTED: Final = 14
_NOTED: Final = _SET_OPERATIONS | _DEEPENING | _ENDING | _JSON_OBJECTS | {"case", "end", "row"}


def guard(text: str) -> str:
    """The SQL of `text`, as long as it, with psql's harmless commands blanked; raises ReadingError for the rest."""
    if len(text) > MAX_TEXT_BYTES or (
        not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES
    ):
        raise ReadingError(
            f"the text is longer than {MAX_TEXT_BYTES // 1024} KB",
            code="too_long",
            hint="Split it, or ask for a role or a grant instead.",
        )
    if (at := text.find("\0")) >= 0:
        _refuse(text, at, "syntax_error", "a NUL character cannot stand in SQL")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            _refuse(text, error.start, "syntax_error", "the text is not valid Unicode")
    if _plainly_small(text):
        return text
    for run in _RUN.finditer(text):
        if run.group().count("/*") > MAX_OPENED:
            _refuse(text, run.start(), "too_complex", f"more than {MAX_OPENED} comments are opened without a space")
    return _Guard(text).run()


def _plainly_small(text: str) -> bool:
    """Whether no limit can be reached and nothing in it can concern psql, without a look at any token.

    A nested CASE or another arm of a UNION takes more than ten characters.
    """
    return (
        len(text) <= MAX_OPERATORS
        and "\\" not in text
        and ":" not in text.replace("::", "")
        and text.count("(") + text.count("[") <= MAX_BRACKET_DEPTH // 2
        and text.count("/*") < MAX_COMMENT_DEPTH
    )


class _Guard:
    """One pass over one text.

    `_open` holds the brackets (and CASEs) that are open, the outermost entry standing for none; `_counts` how many
    operators were seen in each since the last comma or clause, `_commas` how many commas were.
    `_listed` is how many items the bracket had that closed just before; less than 0 if `=` came in between. `_copied`
    has the brackets that are assigned to several columns: how deep they are, where they begin, how many columns.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._open = [""]
        self._counts = [0]
        self._commas = [0]
        self._listed = 0
        self._copied: list[tuple[int, int, int]] = []
        self._operators = 0
        self._arms = 0
        self._last_word = ""
        self._blanks: list[tuple[int, int, str]] = []

    def run(self) -> str:
        text = self._text
        resume = 0
        for kind, start, end in tokens(text):
            if start < resume:
                continue
            last, self._last_word = self._last_word, ""
            listed, self._listed = self._listed, 0
            if kind == WORD:
                if end - start <= _LONGEST_NOTED and (word := text[start:end].lower()) in _NOTED:
                    self._word(word, start)
                    self._listed = listed if word == "row" else 0
            elif kind == PUNCTUATION:
                if listed < 0 and text[start] == "(":
                    self._copied.append((len(self._open), start, -listed))
                self._punctuation(text[start], start, last)
            elif kind == OPERATOR:
                self._listed = -listed if text[start:end] == "=" else 0
                self._operator(start, end - start)
            elif kind == COLON:
                self._colon(start, end)
            elif kind == BACKSLASH:
                resume = self._command(start)
        return self._blanked()

    def _word(self, word: str, start: int) -> None:
        if word in _DEEPENING:
            self._operator(start)
        elif word in _ENDING:
            self._expression_ends()
        elif word in _SET_OPERATIONS:
            self._expression_ends()
            self._arms += 1
            if self._arms >= MAX_ARMS:
                _refuse(self._text, start, "too_complex", f"more than {MAX_ARMS} UNION, INTERSECT or EXCEPT arms")
        elif word == "case":
            self._opens("case", start)
        elif word == "end":
            if self._open[-1] == "case":
                self._closes()
        else:
            self._last_word = word

    def _punctuation(self, mark: str, start: int, last_word: str) -> None:
        if mark in "([":
            self._opens(last_word if mark == "(" and last_word in _JSON_OBJECTS else mark, start)
        elif mark in ")]":
            if len(self._open) > 1:
                self._closes()
                if self._copied and self._copied[-1][0] == len(self._open):
                    self._not_too_many_copies(start)
        elif mark == ",":
            self._expression_ends()
            self._commas[-1] += 1
        elif mark == ";":
            self._expression_ends()
            self._arms = 0

    def _colon(self, start: int, end: int) -> None:
        """`::` and `:=` are operators to the parser. Array slices and SQL/JSON pairs have colons of their own."""
        if end - start == 2:
            self._operator(start)
        elif (
            self._open[-1] != "["
            and self._open[-1] not in _JSON_OBJECTS
            and psql_commands.interpolated(self._text, start)
        ):
            raise psql_commands.refuse_interpolation(self._text, start)

    def _command(self, start: int) -> int:
        end, instead = psql_commands.command(self._text, start)
        self._blanks.append((start, end, instead))
        if instead:
            self._expression_ends()
            self._arms = 0
        return end

    def _not_too_many_copies(self, end: int) -> None:
        _, start, columns = self._copied.pop()
        if (end - start) * columns > MAX_COPIED:
            _refuse(self._text, start, "too_complex", f"this is too long to be assigned to {columns} columns at once")

    def _operator(self, start: int, length: int = 1) -> None:
        count = 1 if length <= _LONGEST_OPERATOR else length
        self._counts[-1] += count
        self._operators += count
        if self._operators > MAX_OPERATORS:
            _refuse(self._text, start, "too_complex", f"more than {MAX_OPERATORS} operators in one expression")

    def _expression_ends(self) -> None:
        self._operators -= self._counts[-1]
        self._counts[-1] = 0

    def _opens(self, bracket: str, start: int) -> None:
        if len(self._open) > MAX_BRACKET_DEPTH:
            _refuse(self._text, start, "too_complex", f"brackets are nested deeper than {MAX_BRACKET_DEPTH}")
        self._open.append(bracket)
        self._counts.append(0)
        self._commas.append(0)

    def _closes(self) -> None:
        self._open.pop()
        self._operators -= self._counts.pop()
        self._listed = self._commas.pop() + 1

    def _blanked(self) -> str:
        parts: list[str] = []
        last = 0
        for start, end, instead in self._blanks:
            parts += (self._text[last:start], instead.ljust(end - start))
            last = end
        return "".join((*parts, self._text[last:]))


def _refuse(text: str, at: int, code: str, message: str) -> NoReturn:
    line, column = Places(text).line_and_column(at)
    raise ReadingError(
        message, code=code, hint="Split it." if code == "too_complex" else None, line=line, column=column
    )
