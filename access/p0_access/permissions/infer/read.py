"""The entry: a text to the readings of its statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.guard import guard
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, RefusedError, Session
from p0_access.permissions.infer.statements import read_statement
from p0_access.permissions.parse import Statement, parse
from p0_access.permissions.permission import Permission, canonical, connect
from p0_access.permissions.places import Places
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, Need, Reading, Refused, StatementReading, Why

MAX_SHOWN: Final = 2_000
"""Characters of a text that is refused as a whole."""


def read(
    sql: str, catalog: Catalog, *, search_path: Sequence[str] = DEFAULT_SEARCH_PATH, index_from: int = 0
) -> Reading:
    """What each statement of `sql` needs, or why it is not understood; never raises.

    A text that the guard or the parser refuses is one Refused as a whole. Statements are numbered from `index_from`.
    """
    places = Places(sql)
    try:
        statements = parse(guard(sql), places)
    except ReadingError as error:
        return (
            Refused(
                index=index_from,
                text=sql[:MAX_SHOWN],
                code=error.code,
                message=str(error),
                hint=error.hint,
                line=error.line,
                column=error.column,
            ),
        )
    path = tuple(search_path)
    session = Session()
    return tuple(
        _read_one(index, statement, places, Context(catalog, path, session=session))
        for index, statement in enumerate(statements, index_from)
    )


def _read_one(index: int, statement: Statement, places: Places, context: Context) -> StatementReading | Refused:
    text = places.text[statement.start : statement.end].strip()
    try:
        command = read_statement(context, statement.kind, statement.node)
    except RefusedError as error:
        refusal = error
    except RecursionError:
        refusal = RefusedError("too_complex", "the statement is nested too deeply", hint="Split it.")
    else:
        return StatementReading(
            index=index,
            text=text,
            command=command,
            writes=context.writes,
            needs=_needs(context, statement, places),
            reached=canonical(context.reached),
            warnings=context.warnings,
        )
    at = places.character(refusal.location) if refusal.location >= 0 else statement.start
    line, column = places.line_and_column(at)
    return Refused(
        index=index,
        text=text,
        code=refusal.code,
        message=str(refusal),
        hint=refusal.hint,
        line=line,
        column=column,
    )


def _needs(context: Context, statement: Statement, places: Places) -> tuple[Need, ...]:
    charged: dict[Permission, list[Reason]] = {connect(context.catalog.database): [Reason("statement", -1)]}
    charged.update(context.usages.collect())
    charged.update(context.charges.collect())
    known: dict[int, tuple[int, int]] = {}

    def why(reason: Reason) -> Why:
        place = known.get(reason.location)
        if place is None:
            at = places.character(reason.location) if reason.location >= 0 else statement.start
            place = known[reason.location] = places.line_and_column(at)
        return Why(clause=reason.clause, line=place[0], column=place[1])

    return tuple(
        Need(permission=permission, why=tuple([why(reason) for reason in charged[permission]]))
        for permission in canonical(charged)
    )
