"""What psql does to a text before the server sees it: backslash commands, and interpolation of its variables.

The text that is signed is what must run, so whatever psql would change in it is refused. Commands that only change how
results are shown are let through: they are blanked, since they are no SQL. `\\copy` stands for a COPY through the
connection, and is read as one.
"""

from __future__ import annotations

import re
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.lexer import ALPHANUMERIC, PUNCTUATION, tokens
from p0_access.permissions.places import Places
from p0_access.permissions.wordlist import words

# Each changes only what psql prints, or reads nothing but the catalog as the login itself.
_HARMLESS: Final = words(
    "? a C conninfo echo errverbose f h H help l list p print pset q qecho quit sf sv t T timing warn x z"
)
_DESCRIBE: Final = re.compile(r"d[a-zA-Z]{0,5}[S+x]*\Z")
_HINT: Final = (
    "Only commands that shape the output (such as \\x, \\timing, \\pset), describe objects (\\d), or \\copy to or from "
    "a file may stay."
)
_SEND: Final = frozenset({"g", "gx"})
# They send the statement, too, or send it again: their arguments say how often, and what is shown where.
_SEND_AND_SHOW: Final = frozenset({"crosstabview", "gdesc", "watch"})
_HINTS: Final = {
    **dict.fromkeys(("i", "ir", "include", "include_relative"), "Give that file itself: its text is what would run."),
    **dict.fromkeys(("c", "connect"), "A request is for one database."),
    **dict.fromkeys(("set", "unset", "gset", "prompt"), "Write the value into the SQL: what is signed is what runs."),
    "gexec": "Run the query, then ask for the statements that it prints.",
    "copy": "Copy to or from a file by name: \\copy … to 'file'.",
}
# To psql a command's name goes on up to white space or a backslash, and a carriage return ends no line of a file.
_COMMAND: Final = re.compile(r"\\([^ \t\n\r\f\v\\]{1,63}|\\?)([ \t][^\n\r\\]*|)(\\\\)?")
_LONE_RETURN: Final = re.compile(r"[\f\v]|\r(?!\n|\Z)")
_TAKE_THE_LINE: Final = frozenset({"h", "help", "sf", "sv"})
"""What stands behind `\\\\` is no SQL to psql, but theirs."""
_LONGEST_COPY: Final = 8_000
# Nothing that psql runs or replaces, and quotes that end where the lexer thinks that they end.
_PLAIN_ARGUMENTS: Final = re.compile(r"""(?:[^`:|'"]|'[^']*'|"[^"]*")*\Z""")
_COPY_FILE: Final = re.compile(r"(?i)\b(from|to)\s+(program\b|'[^']*(?:''[^']*)*'|\S+)")
_INTERPOLATION: Final = re.compile(
    rf":(?:{ALPHANUMERIC}+|'{ALPHANUMERIC}+'|\"{ALPHANUMERIC}+\"|\{{\?{ALPHANUMERIC}+\}})"
)


def command(text: str, start: int) -> tuple[int, str]:
    """The command at a backslash: where it ends, and what stands for it in SQL (nothing, or the end of a statement)."""
    found = _COMMAND.match(text, start)
    if found is None:
        raise _refused(text, start, "\\")
    name, arguments = found.group(1), found.group(2)
    if _LONE_RETURN.match(text, found.end()) or (found.group(3) and name in _TAKE_THE_LINE):
        raise _refused(text, start, name, "Put what follows on a line of its own.")
    if name == "copy":
        return _copy(text, start)
    if name in _SEND and not arguments.strip():
        return found.end(), ";"
    if name in _SEND_AND_SHOW and _PLAIN_ARGUMENTS.match(arguments):
        return found.end(), ";"
    if not (name in _HARMLESS or _DESCRIBE.match(name)) or _PLAIN_ARGUMENTS.match(arguments) is None:
        raise _refused(text, start, name)
    return found.end(), ""


def _copy(text: str, start: int) -> tuple[int, str]:
    """`\\copy … from 'file' …` up to the end of its line, as COPY … FROM STDIN. psql interpolates nothing in it."""
    end = min((place for mark in "\r\n" if (place := text.find(mark, start)) >= 0), default=len(text))
    if end - start > _LONGEST_COPY:
        raise _refused(text, start, "copy", "Split it.")
    line = text[start + len("\\copy") : end]
    try:
        found = _COPY_FILE.search(_without_brackets(line))
    except ReadingError:
        found = None
    if found is None or found.group(2).lower() in ("program", "stdin"):
        raise _refused(text, start, "copy")
    stream = "stdin" if found.group(1).lower() == "from" else "stdout"
    instead = f"copy{line[: found.start(2)]}{stream}{line[found.end(2) :].rstrip().rstrip(';')};"
    if len(instead) > end - start:
        raise _refused(text, start, "copy", "Write the file with its folder: './a'.")
    return end, instead.rjust(min(len(instead) + 1, end - start))


def _without_brackets(line: str) -> str:
    """The line with what stands in brackets blanked, as long as it."""
    depth = 0
    found = list(line)
    for kind, begin, end in tokens(line):
        mark = line[begin] if kind == PUNCTUATION else ""
        depth += (mark == "(") - (mark == ")")
        if depth or mark == ")":
            found[begin:end] = " " * (end - begin)
    return "".join(found)


def interpolated(text: str, colon: int) -> bool:
    """Whether psql would put a variable's value here, were it set."""
    return _INTERPOLATION.match(text, colon) is not None


def refuse_interpolation(text: str, colon: int) -> ReadingError:
    found = _INTERPOLATION.match(text, colon)
    line, column = Places(text).line_and_column(colon)
    return ReadingError(
        f"psql would replace {found.group() if found else ':'} by a variable's value",
        code="psql_interpolation",
        hint="Write the value into the SQL: what is signed is exactly what runs.",
        line=line,
        column=column,
    )


def _refused(text: str, start: int, name: str, hint: str | None = None) -> ReadingError:
    line, column = Places(text).line_and_column(start)
    return ReadingError(
        f"the psql command \\{name} is not SQL, and it may change what runs" if name != "\\" else "a lone backslash",
        code="psql_meta_command",
        hint=hint or _HINTS.get(name, _HINT),
        line=line,
        column=column,
    )
