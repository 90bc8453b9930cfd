"""sqlglot's view of the same text: a second opinion on its tables, and a formatter.

sqlglot is no PostgreSQL: it never decides what a text needs, and what it writes is never run. Where it sees other
tables than the reading does, people should look. It is slow to import, so it is imported when first used.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import msgspec

from p0_access.errors import ReadingError
from p0_access.permissions.guard import guard
from p0_access.permissions.parse import same_meaning
from p0_access.permissions.permission import Kind
from p0_access.permissions.reading import Reading, ReadingWarning, StatementReading

if TYPE_CHECKING:
    from sqlglot.expressions import Expr as Expression

_COMMANDS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})
_RELATIONS: Final = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})


def second_opinion(reading: StatementReading, own: Collection[str] = ()) -> tuple[ReadingWarning, ...]:
    """A warning if sqlglot sees a table in the statement that the reading charges nothing for, or cannot read it.

    Only names are compared. The reading may hold more: what views, defaults and functions bring along. `own` are tables
    that the text made itself, which nobody is charged for.
    """
    if reading.command not in _COMMANDS:
        return ()
    try:
        seen = _tables(reading.text)
    except ValueError:
        return (_warning("sqlglot cannot read the statement"),)
    charged = {item.object for item in reading.permissions if item.kind in _RELATIONS}
    charged.update(own)
    missed = sorted(name for schema, name in seen if name not in charged and schema not in _CATALOGS)
    return tuple(_warning(f'sqlglot sees a table "{name}" that the reading does not charge') for name in missed)


def with_second_opinion(reading: Reading, own: Collection[str] = ()) -> Reading:
    """The same reading; what sqlglot sees otherwise is among the warnings."""
    return tuple(
        msgspec.structs.replace(statement, warnings=statement.warnings + second_opinion(statement, own))
        if isinstance(statement, StatementReading)
        else statement
        for statement in reading
    )


_CATALOGS: Final = frozenset({"pg_catalog", "information_schema"})


def _warning(message: str) -> ReadingWarning:
    return ReadingWarning(code="second_opinion", message=message)


def _tables(text: str) -> set[tuple[str, str]]:
    """(schema or empty, name) of each table sqlglot sees; ValueError if it cannot read the text."""
    from sqlglot import expressions as nodes

    found: set[tuple[str, str]] = set()
    for statement in _parsed(text):
        ctes = {cte.alias for cte in statement.find_all(nodes.CTE)}
        for table in statement.find_all(nodes.Table):
            if not isinstance(table.this, nodes.Identifier):
                continue  # a function in FROM
            name = table.name if table.this.quoted else table.name.lower()
            schema = table.db
            if (schema or name not in ctes) and not (not schema and name.startswith("pg_")):
                found.add((schema, name))
    return found


def _parsed(text: str) -> list[Expression]:
    import sqlglot
    from sqlglot.errors import SqlglotError

    logger = logging.getLogger("sqlglot")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # what it cannot read is said by our warning, not on stderr
    try:
        return [each for each in sqlglot.parse(guard(text), read="postgres") if each is not None]
    except (SqlglotError, ReadingError, RecursionError) as error:
        raise ValueError(str(error)) from error


def format_sql(text: str) -> str:
    """The text laid out for reading; unchanged if that could change anything but its layout."""
    try:
        statements = _parsed(text)
        pretty = ";\n\n".join(each.sql(dialect="postgres", pretty=True) for each in statements)
    except (ValueError, RecursionError):
        return text
    if text.rstrip().endswith(";"):
        pretty += ";"
    try:
        return pretty if same_meaning(guard(text), guard(pretty)) else text
    except ReadingError:
        return text
