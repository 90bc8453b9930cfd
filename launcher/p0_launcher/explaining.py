"""What `p0 explain` reads, piece by piece, and what reads it without a server: a catalog in a file, or a database.

Input is taken as it comes, so that a file or pipe of any length needs no more memory than its longest statement.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from p0_access.errors import MalformedError, P0Error
from p0_launcher.commands.parts import load
from p0_launcher.commands.sources import read_text
from p0_launcher.errors import ConfigurationError, SqlRefusedError, UnavailableError, UsageError

if TYPE_CHECKING:
    from p0_access.permissions.catalog import Catalog
    from p0_access.permissions.reading import Reading
    from p0_access.permissions.splitting import Part

CHUNK: Final = 64 * 1024
"""Bytes taken from the input at a time."""


class Session(Protocol):
    """Reads one statement after the other; what one leaves behind, the next may use."""

    async def read(self, text: str, *, line: int, column: int) -> Reading: ...


NewSession = Callable[[tuple[str, ...] | None], Session]
"""A session with a search path; None is the default."""


class Line(NamedTuple):
    """One line of JSON. `problem` says why it holds no SQL; `sql` is then the line itself."""

    sql: str
    search_path: tuple[str, ...] | None = None
    name: Any = None
    problem: str | None = None


def statements(given: Iterable[tuple[str, str]]) -> Iterator[Part]:
    """The statements of all -c and -f, in order."""
    from p0_access.permissions.splitting import split_stream

    for option, value in given:
        if option == "command":
            yield from split_stream(iter((value,)))
        else:
            with _opened(value) as stream:
                yield from split_stream(_text(stream, value))


def json_lines(given: Iterable[tuple[str, str]]) -> Iterator[Line]:
    """The lines of all -c and -f, as soon as each is there."""
    for option, value in given:
        if option == "command":
            yield from (_line(each) for each in value.splitlines() if each.strip())
        else:
            with _opened(value) as stream:
                for content in iter(stream.readline, b""):
                    if content.strip():
                        yield _line(content.decode(errors="replace"))


def _line(text: str) -> Line:
    import msgspec

    from p0_access.encoding import strict_json

    try:
        given = strict_json(text.encode())
        sql = msgspec.convert(given["sql"], str)
        path = msgspec.convert(given.get("search_path"), tuple[str, ...] | None)
    except (MalformedError, msgspec.ValidationError, KeyError, TypeError, AttributeError):
        return Line(text.strip(), problem='it is not an object with a text "sql"')
    return Line(sql, path, given.get("id"))


def _opened(name: str) -> BufferedReader:
    """The file, or the standard input, which is left open."""
    try:
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False) if name == "-" else Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}", code="file_unreadable") from error


def _text(stream: BufferedReader, name: str) -> Iterator[str]:
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")()
    begin = 0
    try:
        while content := stream.read1(CHUNK):
            yield decoder.decode(content)
            begin += len(content)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise SqlRefusedError(
            f"{name} is not UTF-8 text (about byte {begin + error.start})",
            code="not_utf8",
            hint="Convert it, then ask again",
        ) from error


class _OfCatalog:
    """A session over a catalog alone."""

    def __init__(self, catalog: Catalog, search_path: tuple[str, ...] | None) -> None:
        from p0_access.permissions.infer import TextReader
        from p0_access.permissions.reading import DEFAULT_SEARCH_PATH

        self._reader = TextReader(catalog, search_path or DEFAULT_SEARCH_PATH)

    async def read(self, text: str, *, line: int, column: int) -> Reading:
        from p0_access.permissions.second_opinion import with_second_opinion

        readings = self._reader.read(text, line=line, column=column)
        return with_second_opinion(readings, self._reader.made)


@asynccontextmanager
async def over_catalog(name: str) -> AsyncIterator[NewSession]:
    """Sessions over the catalog in a file."""
    catalog = _catalog(name)
    yield lambda search_path: _OfCatalog(catalog, search_path)


@asynccontextmanager
async def over_database(dsn: str, *, static: bool) -> AsyncIterator[NewSession]:
    """Sessions over a database; `static` leaves PostgreSQL's own reading out."""
    async with _database(dsn) as reader:
        yield lambda search_path: reader.session(search_path, static=static)


async def catalog_of(dsn: str) -> Catalog:
    """What the login may see of a database, as a catalog."""
    async with _database(dsn) as reader:
        found: Catalog = reader.catalog
        return found


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[Any]:
    """A `DatabaseReader` of the agent's part."""
    reading_database = load("agent", "p0_agent.reading.explaining", "reading_database", needs="psycopg")
    try:
        async with reading_database(dsn) as reader:
            yield reader
    except P0Error as error:
        if error.code == "database_unavailable":
            raise UnavailableError(str(error), code=error.code, hint=error.hint) from error
        if error.code == "dsn_malformed":
            raise UsageError(str(error), code=error.code, hint=error.hint) from error
        raise


def _catalog(name: str) -> Catalog:
    from p0_access.encoding import decode
    from p0_access.permissions.catalog import Catalog
    from p0_launcher.catalogs import MAX_CATALOG_BYTES

    try:
        return decode(read_text(name), Catalog, max_bytes=MAX_CATALOG_BYTES)
    except MalformedError as error:
        raise ConfigurationError(
            f"{name} is not a catalog: {error}",
            code="catalog_malformed",
            hint="p0 ls NAME --json prints one, or p0 ls --dsn DSN --json",
        ) from error
