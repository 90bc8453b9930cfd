"""What was asked for before, for `replay`: from the server, or from an export that an earlier run has kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError, P0Error
from p0_launcher.catalogs import newest_catalog
from p0_launcher.connection import Connection
from p0_launcher.errors import UsageError
from p0_launcher.files import read_bytes, unwritable
from p0_launcher.rules.replay import Recorded, record

MAX_LINE_BYTES: Final = 64 * 1024 * 1024


async def from_server(connection: Connection, limit: int, tell: Callable[[str], None]) -> list[Recorded]:
    """The newest requests that the person may see, with the catalogs of now; `tell` hears of what is not there."""
    listed = await connection.api.requests("all", limit=limit)
    found: list[Recorded] = []
    for database in dict.fromkeys(one.database for one in listed):
        found += await _catalog(connection, database, tell)
    for one in listed:
        recorded = record(await connection.api.request(one.rid))
        found += [] if recorded is None else [recorded]
    return found


async def _catalog(connection: Connection, database: str, tell: Callable[[str], None]) -> list[Recorded]:
    try:
        view = await connection.api.catalog(database)
    except P0Error as error:
        tell(f"p0: {database}: {error}")
        return []
    if view is None:
        return []
    pins, wallet = connection.profile.agents, connection.wallet
    return [Recorded(catalog=await newest_catalog(view, database=database, pins=pins, wallet=wallet))]


def from_export(path: Path) -> Iterator[Recorded]:
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        try:
            yield decode(line, Recorded, max_bytes=MAX_LINE_BYTES)
        except MalformedError as error:
            raise UsageError(f"{path}:{number}: {error}", code="export_malformed", hint="--save makes one") from error


def keep(recorded: Iterable[Recorded], path: Path) -> None:
    """An export, in the place of what was there."""
    try:
        path.write_bytes(b"".join(encode(each) + b"\n" for each in recorded))
    except OSError as error:
        raise unwritable(path, error) from error
