"""The entry: a text to the readings of its statements."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import support
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, Effort, ExhaustedError, RefusedError, Session
from p0_access.permissions.infer.statements import read_statement
from p0_access.permissions.parse import Statement, parse
from p0_access.permissions.permission import connect, in_order
from p0_access.permissions.places import Places
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, Need, Reading, Refused, StatementReading, Why
from p0_access.permissions.splitting import split

MAX_PARTS: Final = 500
"""Statements of a text that does not parse which are read one by one."""

_TOO_MUCH: Final = frozenset({"too_long", "too_complex"})

MAX_SHOWN: Final = 2_000
"""Characters of a text that is refused as a whole."""


def read(
    sql: str, catalog: Catalog, *, search_path: Sequence[str] = DEFAULT_SEARCH_PATH, index_from: int = 0
) -> Reading:
    """What each statement of `sql` needs, or why it is not understood; never raises.

    Statements are numbered from `index_from`.
    """
    return TextReader(catalog, search_path, index_from=index_from).read(sql)


class TextReader:
    """Reads text after text of one session: what one prepares or declares, the next may use."""

    def __init__(
        self, catalog: Catalog, search_path: Sequence[str] = DEFAULT_SEARCH_PATH, *, index_from: int = 0
    ) -> None:
        self._catalog = catalog
        self._path = tuple(search_path)
        self._session = Session()
        self._index = index_from

    @property
    def made(self) -> frozenset[str]:
        """The names of what the texts made so far and did not drop: nobody is charged for those."""
        return frozenset(self._session.made)

    def read(self, sql: str, *, line: int = 1, column: int = 1) -> Reading:
        """The text's statements, numbered on; `line` and `column` are where it begins. Never raises.

        Where the parser refuses the text, each part between semicolons is read by itself.
        """
        effort = Effort()
        try:
            return self._parsed(sql, line, column, effort)
        except ReadingError as error:
            whole = self._refused(sql, error)
        parts = list(itertools.islice(split(sql), MAX_PARTS + 1)) if whole.code not in _TOO_MUCH else []
        if not 1 < len(parts) <= MAX_PARTS:
            self._index += 1
            return (whole,)
        found: list[StatementReading | Refused] = []
        before = self._index
        session = self._session.copy()
        places = Places(sql, line=line, column=column)
        for part in parts:
            at = places.moved(part.line, part.column)
            try:
                found += self._parsed(part.text, *at, effort)
            except ReadingError as error:
                found.append(self._refused(part.text, error))
                self._index += 1
        if not any(isinstance(each, Refused) for each in found):  # then the cuts are wrong, not the parser
            self._index, self._session = before + 1, session
            return (whole,)
        return tuple(found)

    def _parsed(self, sql: str, line: int, column: int, effort: Effort) -> Reading:
        places = Places(sql, line=line, column=column)
        statements = parse(_guarded(sql, places), places)
        first = self._index
        self._index += len(statements)
        found: list[StatementReading | Refused] = []
        for index, statement in enumerate(statements, first):
            context = Context(self._catalog, self._path, session=self._session, effort=effort)
            found.append(_read_one(index, statement, places, context))
        return tuple(found)

    def _refused(self, sql: str, error: ReadingError) -> Refused:
        return Refused(
            index=self._index,
            text=sql[:MAX_SHOWN],
            code=error.code,
            message=str(error),
            hint=error.hint,
            line=error.line,
            column=error.column,
        )


def _guarded(sql: str, places: Places) -> str:
    """Past the guard, which knows nothing of where the text begins."""
    try:
        return guard(sql)
    except ReadingError as error:
        line, column = places.moved(error.line, error.column)
        raise ReadingError(str(error), code=error.code, hint=error.hint, line=line, column=column) from error


def _read_one(index: int, statement: Statement, places: Places, context: Context) -> StatementReading | Refused:
    text = places.text[statement.start : statement.end].strip()
    try:
        context.spend(_A_STATEMENT)
        command = read_statement(context, statement.kind, statement.node)
        support.charge(context, statement.kind)
        needs = _needs(context, statement, places)
    except RefusedError as error:
        refusal = error
    except ExhaustedError as error:
        refusal = RefusedError("too_complex", str(error), error.location, "Split it.")
    except RecursionError:
        refusal = RefusedError("too_complex", "the statement is nested too deeply", hint="Split it.")
    else:
        return StatementReading(
            index=index,
            text=text,
            command=command,
            writes=context.writes,
            needs=needs,
            reached=in_order(context.reached),
            warnings=context.warnings,
        )
    if refusal.code.startswith("unknown_"):
        context.effort.steps -= _A_SEARCH
    at = places.character(refusal.location) if refusal.location >= 0 else statement.start
    line, column = places.line_and_column(at)
    hint = refusal.hint
    if refusal.code == "unknown_column" and places.text[at : at + 1] == '"':
        hint = " ".join(("A text is written in single quotes.", *filter(None, (hint,))))
    return Refused(
        index=index,
        text=text,
        code=refusal.code,
        message=str(refusal),
        hint=hint,
        line=line,
        column=column,
    )


def _needs(context: Context, statement: Statement, places: Places) -> tuple[Need, ...]:
    charged = context.usages.collect()
    charged.update(context.charges.collect())
    charged.setdefault(_connect(context.catalog.database), _STATEMENT)
    context.spend(2 * len(charged))
    needs: list[Need] = []
    for permission in in_order(charged):
        why: list[Why] = []
        for reason in charged[permission]:
            at = reason.location
            line, column = places.of_byte(at) if at >= 0 else places.line_and_column(statement.start)
            why.append(Why(clause=reason.clause, line=line, column=column))
        needs.append(Need(permission=permission, why=tuple(why)))
    return tuple(needs)


_A_STATEMENT: Final = 12
"""Steps that each takes, whatever it says."""
_A_SEARCH: Final = 150
"""Steps that it takes to find that there is no such name."""
_STATEMENT: Final = [Reason("statement", -1)]
_connect: Final = lru_cache(maxsize=64)(connect)
