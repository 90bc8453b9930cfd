"""Queries of the catalog that have PostgreSQL print definitions, of which some cannot be printed.

A view over a function that somebody deleted from the catalogs, an expression with an operator that is gone: printing it
is an error, and costs the whole query. So when one fails, the objects that it fails for are found by halves, and it is
asked again without their definitions. A healthy database is asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import psycopg
from psycopg.rows import dict_row

from p0_agent.postgres.connections import Connection
from p0_agent.postgres.queries import query

FETCH: Final = 2_000
"""Rows taken at a time; in between other tasks get their turn."""

MAX_UNREADABLE: Final = 100
"""Objects that cannot be printed, beyond which the database is taken to be unreadable as a whole."""

Row = dict[str, Any]
"""As the query names its columns: the queries and the records of the snapshot are written for each other."""

_BROKEN: Final = (psycopg.DataError, psycopg.InternalError, psycopg.NotSupportedError, psycopg.ProgrammingError)
"""What printing raises. That it took too long, or that the connection is gone, says nothing about an object."""

_KINDS: Final[Mapping[str, Literal["function", "type"]]] = {"catalog_functions": "function", "catalog_types": "type"}
"""What a query prints definitions of, if not of relations."""


class Printing:
    """The queries of one snapshot, in the caller's transaction. `unreadable` are the relations that something was left
    out of; functions and types say it themselves."""

    def __init__(self, connection: Connection, schemas: Sequence[str]) -> None:
        self._connection = connection
        self._schemas = list(schemas)
        self.unreadable: Final[set[int]] = set()

    async def rows(self, name: str) -> list[Row]:
        try:
            return await self._ask(name)
        except _BROKEN:
            kind = _KINDS.get(name, "relation")
            broken = await self._broken(name, await self._oids(kind))
            if not 0 < len(broken) <= MAX_UNREADABLE:
                raise
        if kind == "relation":
            self.unreadable.update(broken)
        return await self._ask(name, unreadable=broken)

    async def _ask(self, name: str, *, only: Sequence[int] | None = None, unreadable: Sequence[int] = ()) -> list[Row]:
        """Within a savepoint, so that an error costs no more than this query."""
        parameters = {"schemas": self._schemas, "only": only, "unreadable": list(unreadable)}
        rows: list[Row] = []
        async with self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query(name), parameters)
            while batch := await cursor.fetchmany(FETCH):
                rows += batch
                await asyncio.sleep(0)
        return rows

    async def _oids(self, kind: str) -> list[int]:
        cursor = await self._connection.execute(query("catalog_oids"), {"schemas": self._schemas, "kind": kind})
        return [int(str(oid)) for (oid,) in await cursor.fetchall()]

    async def _broken(self, name: str, oids: Sequence[int]) -> list[int]:
        """Those of `oids` for which the query fails when it is asked for them alone."""
        found: list[int] = []
        open_ = [oids]
        while open_ and len(found) <= MAX_UNREADABLE:
            some = open_.pop()
            try:
                await self._ask(name, only=some)
            except _BROKEN:
                half = len(some) // 2
                if half:
                    open_ += [some[half:], some[:half]]
                else:
                    found += some
        return found
