"""Both readings of SQL over a connection that somebody has, for `p0 explain --dsn`. Nothing is granted, run or signed.

As in `combined`, but statement by statement: each has a reading or a refusal of its own. Where PostgreSQL cannot be
asked about a statement the kernel's reading stands, with a warning, since nothing follows from it here.

Whoever connects should hold little: analysis can call functions (see `postgres`), here as that login.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from p0_access.errors import P0Error, ReadingError
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import TextReader
from p0_access.permissions.places import Places
from p0_access.permissions.reading import (
    Need,
    Reading,
    ReadingWarning,
    Refused,
    StatementReading,
    Why,
)
from p0_access.permissions.second_opinion import with_second_opinion
from p0_agent.postgres.catalog import snapshot
from p0_agent.postgres.connections import READER_LIMITS, Connection
from p0_agent.postgres.errors import PostgresError, translated
from p0_agent.reading import names
from p0_agent.reading.child import Understood
from p0_agent.reading.combined import analysed, beneath, together
from p0_agent.reading.cutting import Cutter
from p0_agent.reading.made import MadeTables
from p0_agent.reading.merging import SECOND_GUESSED, Merged
from p0_agent.reading.postgres import REFUSED, RefusedByPostgresError

_CLAUSE: Final = "PostgreSQL's reading"
_DIFFERS: Final = ReadingWarning(
    code="readings_differ", message="p0 alone would have read this differently; PostgreSQL's reading counts"
)
_SCHEMAS: Final = (
    "SELECT n.nspname::text FROM pg_catalog.pg_namespace n"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"
)


class DatabaseReader:
    """Reads over `catalog`, the database as it was when the connection was made."""

    def __init__(self, connection: Connection, catalog: Catalog, path: tuple[str, ...]) -> None:
        self.catalog: Final = catalog
        self._connection = connection
        self._path = path

    def session(self, search_path: tuple[str, ...] | None, *, static: bool = False) -> DatabaseSession:
        """A session; `static` leaves PostgreSQL's own reading out. Without a search path it is the connection's."""
        path = self._path if search_path is None else search_path
        return DatabaseSession(self._connection, self.catalog, path, static=static)


class DatabaseSession:
    """Reads text after text: what one prepares or declares, the next may use."""

    def __init__(self, connection: Connection, catalog: Catalog, path: tuple[str, ...], *, static: bool) -> None:
        self._connection = connection
        self._catalog = catalog
        self._path = path
        self._static = static
        self._reader = TextReader(catalog, path)
        self._cutter = Cutter()
        self._made = MadeTables()

    async def read(self, text: str, *, line: int = 1, column: int = 1) -> Reading:
        """The text's statements, numbered on; `line` and `column` are where it begins."""
        readings = with_second_opinion(self._reader.read(text, line=line, column=column), self._reader.made)
        if self._static:
            return readings
        understood = [Understood(reading=each, piece=self._cutter.piece(each.text)) for each in readings]
        return tuple([await self._joined(each) for each in understood])

    async def _joined(self, understood: Understood) -> StatementReading | Refused:
        reading = understood.reading
        if isinstance(reading, Refused) and reading.code not in SECOND_GUESSED:
            return reading
        try:
            return _told(understood, await self._merged(understood))
        except psycopg.Error as error:
            raise translated(error) from error
        except P0Error as error:
            if isinstance(reading, Refused):
                return reading
            return _without_postgres(reading, error)

    async def _merged(self, understood: Understood) -> Merged:
        tree = await analysed(self._connection, understood, self._path, self._made)
        found = await names.lookup(self._connection, self._catalog, [tree])
        shown = await beneath(self._connection, self._catalog, understood, tree, found)
        return together(understood, shown, self._catalog)


@asynccontextmanager
async def reading_database(dsn: str) -> AsyncIterator[DatabaseReader]:
    """A reader over the database that a libpq connection string names, with all of its schemas."""
    try:
        options = f"{conninfo_to_dict(dsn).get('options') or ''} {READER_LIMITS}"
    except psycopg.ProgrammingError as error:
        raise PostgresError(
            "the DSN is not one that libpq understands",  # whose words may repeat a password
            code="dsn_malformed",
            hint="postgresql://user@host/database, or host=… dbname=…",
        ) from error
    try:
        connection = await psycopg.AsyncConnection.connect(
            make_conninfo(dsn, options=options.strip(), fallback_application_name="p0 explain"),
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise translated(error) from error
    async with connection:
        cursor = await connection.execute(_SCHEMAS)
        schemas = [str(name) for (name,) in await cursor.fetchall()]
        cursor = await connection.execute(
            "SELECT n::text FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS n"
        )
        path = tuple(str(name) for (name,) in await cursor.fetchall())
        yield DatabaseReader(connection, await snapshot(connection, schemas), path)


def _told(understood: Understood, merged: Merged) -> StatementReading:
    """The merged permissions with the kernel's reasons; what PostgreSQL alone saw says so."""
    reading = understood.reading
    place = _place(reading)
    alone = (Why(clause=_CLAUSE, line=place[0], column=place[1]),)
    if isinstance(reading, Refused):
        command = understood.piece.command if understood.piece is not None else ""
        needs = tuple(Need(permission=each, why=alone) for each in merged.permissions)
        return StatementReading(
            index=reading.index,
            text=reading.text,
            command=command,
            writes=command != "SELECT",
            needs=needs,
            reached=merged.reached,
            warnings=(_DIFFERS,),
        )
    reasons = {need.permission: need.why for need in reading.needs}
    return msgspec.structs.replace(
        reading,
        needs=tuple(Need(permission=each, why=reasons.get(each, alone)) for each in merged.permissions),
        reached=merged.reached,
        warnings=(*reading.warnings, *((_DIFFERS,) if merged.differs else ())),
    )


def _without_postgres(reading: StatementReading, error: P0Error) -> StatementReading | Refused:
    """What stands where PostgreSQL could not be asked, or said no."""
    if isinstance(error, ReadingError) and error.code == REFUSED and not _not_allowed(error):
        line, column = _place(reading)
        line, column = Places("", line=line, column=column).moved(error.line, error.column)
        return Refused(
            index=reading.index,
            text=reading.text,
            code=error.code,
            message=str(error),
            hint=error.hint,
            line=line,
            column=column,
        )
    warning = ReadingWarning(code="static_only", message=f"PostgreSQL's own reading is not in this: {error}")
    return msgspec.structs.replace(reading, warnings=(*reading.warnings, warning))


def _not_allowed(error: ReadingError) -> bool:
    """Whether PostgreSQL says no for want of USAGE on a schema: then it cannot be asked by this login."""
    told = error.__cause__
    return isinstance(told, RefusedByPostgresError) and told.sqlstate == "42501"


def _place(reading: StatementReading | Refused) -> tuple[int, int]:
    """Where a statement begins: its need of CONNECT is nowhere else."""
    where = reading if isinstance(reading, Refused) else reading.needs[0].why[0]
    return where.line, where.column
