"""The combined reader on a database that holds the schema of the cases of inference (`fix_inference`)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from psycopg import sql

from fix_inference import SCHEMAS, schema_for
from fix_postgres import Managed, fresh_database, managing, superuser_connection
from p0_access.messages.records import What
from p0_access.proof.keys import SigningKey
from p0_agent.catalogs import Catalogs
from p0_agent.reading.child import ReadingChild
from p0_agent.reading.combined import CombinedReader
from p0_agent.reading.reader import RequestReading
from p0_demo.postgres import EmbeddedPostgres


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`said` are the log's records of differences."""

    managed: Managed
    reader: CombinedReader
    catalogs: Catalogs
    child: ReadingChild
    said: list[logging.LogRecord] = field(default_factory=list)

    async def read(self, *sql: str, search_path: tuple[str, ...] = ("public",)) -> RequestReading:
        return await self.reader.read(self.managed.database, What(statement=sql, search_path=search_path))

    async def needs(self, *sql: str, search_path: tuple[str, ...] = ("public",)) -> list[str]:
        """In words, without CONNECT and USAGE."""
        reading = await self.read(*sql, search_path=search_path)
        return sorted(str(each) for each in reading.needed if not each.implied)

    async def execute(self, sql: str) -> None:
        """As the superuser."""
        async with await self.managed.superuser() as connection:
            await connection.execute(sql.encode())


class _Records(logging.Handler):
    def __init__(self, said: list[logging.LogRecord]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record)


@pytest.fixture
async def reading(postgres: EmbeddedPostgres) -> AsyncIterator[Reading]:
    log = logging.getLogger("p0.agent.reading")
    async with fresh_database(postgres, template="template1") as name:
        async with await superuser_connection(postgres, name) as connection:
            await connection.execute(schema_for(connection.info.server_version))
        async with managing(postgres, name, {name: SCHEMAS}) as managed:
            async with await superuser_connection(postgres, name) as connection:
                await connection.execute(
                    sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(
                        sql.Identifier(name), sql.Identifier(managed.reader.user)
                    )
                )
            catalogs = Catalogs(managed.cluster, SigningKey(b"\x07" * 32), clock=lambda: 1_900_000_000)
            child = ReadingChild(deadline=20)  # what is tested here is not how busy this machine is
            reader = CombinedReader(catalogs, child, managed.cluster.connections)
            found = Reading(managed=managed, reader=reader, catalogs=catalogs, child=child)
            handler = _Records(found.said)
            log.addHandler(handler)
            yield found
            log.removeHandler(handler)
            await child.close()
