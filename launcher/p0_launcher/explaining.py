"""What `p0 explain` reads, piece by piece, and what reads it without a server: a catalog in a file, or a database.

Input is taken as it comes, so that a file or pipe of any length needs no more memory than its longest statement.
"""

from __future__ import annotations

import os
import stat
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
from p0_launcher.files import unreadable

if TYPE_CHECKING:
    from p0_access.permissions.catalog import Catalog
    from p0_access.permissions.reading import Reading
    from p0_access.permissions.splitting import Part

CHUNK: Final = 64 * 1024
"""Bytes taken from the input at a time."""

STDIN: Final = "-"
Given = Iterable[tuple[str, str]]
"""-c and -f, in order, by the option's name; a file on its own counts as -f."""


class Session(Protocol):
    """Reads one statement after the other; what one leaves behind, the next may use."""

    async def read(self, text: str, *, line: int, column: int) -> Reading: ...


class Sessions(NamedTuple):
    """Sessions over `catalog`. `new` makes one with a search path; None is the default."""

    catalog: Catalog
    new: Callable[[tuple[str, ...] | None], Session]


class Placed(NamedTuple):
    """A statement; `file` is the name of what it stands in, None for -c and the standard input."""

    part: Part
    file: str | None


class Line(NamedTuple):
    """One line of JSON. `problem` says why it holds no SQL; `sql` is then the line itself."""

    sql: str
    search_path: tuple[str, ...] | None = None
    name: Any = None
    problem: str | None = None


def files(names: Iterable[str]) -> Iterator[str]:
    """Files as they are, and of a folder all that end in .sql, by name, also in folders in it."""
    for name in names:
        if name == STDIN or not Path(name).is_dir():
            yield name
            continue
        found = sorted(str(each) for each in Path(name).rglob("*.sql"))
        if not found:
            raise UsageError(
                f"no file in {name} ends in .sql", code="file_unreadable", hint="Name the files themselves"
            )
        yield from found


def is_piped() -> bool:
    """Whether the standard input is a file or what another program writes."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def statements(given: Given) -> Iterator[Placed]:
    """The statements of all -c and -f, in order."""
    from p0_access.permissions.splitting import split_stream

    for option, value in given:
        if option == "command":
            yield from (Placed(part, None) for part in split_stream(iter((value,))))
        else:
            file = None if value == STDIN else value
            with _opened(value) as stream:
                yield from (Placed(part, file) for part in split_stream(_text(stream, value)))


def json_lines(given: Given) -> Iterator[Line]:
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
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False) if name == STDIN else Path(name).open("rb")
    except OSError as error:
        raise unreadable(name, error) from error


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
async def over_catalog(name: str) -> AsyncIterator[Sessions]:
    """Sessions over the catalog in a file."""
    catalog = _catalog(name)
    yield Sessions(catalog, lambda search_path: _OfCatalog(catalog, search_path))


@asynccontextmanager
async def over_database(dsn: str, *, static: bool) -> AsyncIterator[Sessions]:
    """Sessions over a database; `static` leaves PostgreSQL's own reading out."""
    async with _database(dsn) as reader:
        yield Sessions(reader.catalog, lambda search_path: reader.session(search_path, static=static))


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
        if error.code == "database_unavailable":  # whose hint is about the configuration of an agent
            hint = "Are the host, the port and the database of --dsn right, and does PostgreSQL run there?"
            raise UnavailableError(str(error), code=error.code, hint=hint) from error
        if error.code == "dsn_malformed":
            raise UsageError(str(error), code=error.code, hint=error.hint) from error
        raise


def _catalog(name: str) -> Catalog:
    from p0_access.permissions.catalog_text import decode_catalog

    try:
        return decode_catalog(read_text(name))
    except MalformedError as error:
        raise ConfigurationError(
            f"{name} is not a catalog: {error}",
            code="catalog_malformed",
            hint="p0 ls NAME --json prints one, or p0 ls --dsn DSN --json",
        ) from error
