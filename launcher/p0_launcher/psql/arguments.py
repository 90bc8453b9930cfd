"""Arguments that people hand on to psql (`p0 psql … -- ARGS`): output and looks, never the target or the SQL.

What is not known to be harmless is refused: what was signed is what runs, as whom and where it was signed for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from p0_launcher.errors import UsageError

_FLAGS: Final = frozenset("AabeEHnqsStxXwz01")
_WITH_VALUE: Final = frozenset("FLPRTo")
_LONG_FLAGS: Final = frozenset(
    {
        "no-align", "echo-all", "echo-errors", "echo-queries", "echo-hidden", "html", "no-readline", "quiet",
        "single-step", "single-line", "tuples-only", "expanded", "no-psqlrc", "no-password", "field-separator-zero",
        "record-separator-zero", "single-transaction", "csv",
    }
)  # fmt: skip
_LONG_WITH_VALUE: Final = frozenset({"field-separator", "log-file", "pset", "record-separator", "table-attr", "output"})
_VARIABLES: Final = frozenset({"v", "set", "variable"})
_HARMLESS_VARIABLES: Final = frozenset({"ON_ERROR_STOP=1", "ON_ERROR_STOP=on"})
"""Other variables change how psql treats what was signed, so they go with free SQL only."""


def check_arguments(arguments: Sequence[str], *, free_sql: bool) -> tuple[str, ...]:
    """The arguments as they are, or `UsageError` for the first that psql may not be given. `free_sql`: no statement in
    particular was signed, so that variables may be set."""
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("--") and argument != "--":
            _check_long(argument, rest, free_sql=free_sql)
        elif argument.startswith("-") and argument not in {"-", "--"}:
            _check_letters(argument, rest, free_sql=free_sql)
        else:
            raise _refused(argument)
    return tuple(arguments)


def _check_long(argument: str, rest: Iterator[str], *, free_sql: bool) -> None:
    """Whole names only: getopt would take any beginning of one for it."""
    name, given, value = argument[2:].partition("=")
    if name in _LONG_WITH_VALUE or name in _VARIABLES - {"v"}:
        _check_value(name, value if given else next(rest, None), free_sql=free_sql)
    elif name not in _LONG_FLAGS or given:
        raise _refused(argument)


def _check_letters(argument: str, rest: Iterator[str], *, free_sql: bool) -> None:
    """A cluster of one-letter options; the first that takes a value takes what is left of it, or the next argument."""
    for index, letter in enumerate(argument[1:], start=2):
        if letter in _WITH_VALUE or letter in _VARIABLES:
            _check_value(letter, argument[index:] or next(rest, None), free_sql=free_sql)
            return
        if letter not in _FLAGS:
            raise _refused(argument)


def _check_value(name: str, value: str | None, *, free_sql: bool) -> None:
    if value is None:
        raise UsageError(f"psql's option {name!r} needs a value", code="psql_argument", hint="After it, or joined by =")
    if name in _VARIABLES and not free_sql and value not in _HARMLESS_VARIABLES:
        raise UsageError(
            f"psql may not be given the variable {value!r} here",
            code="psql_argument",
            hint="Variables would change what was signed; write the values into the SQL",
        )


def _refused(argument: str) -> UsageError:
    return UsageError(
        f"psql may not be given {argument!r} here",
        code="psql_argument",
        hint="Only psql's output options can follow --; SQL goes to p0 by -c or -f, the database by -d",
    )
