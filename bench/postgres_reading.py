"""PostgreSQL's own reading against a bare Parse of the same statements on the same connection."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg
from psycopg import generators, sql

from bench import cases
from bench.harness import Table
from p0_access.permissions.catalog import Catalog
from p0_access.secret import Secret
from p0_agent.postgres.connections import Account, Connection, Connections
from p0_agent.reading import names, postgres
from p0_agent.reading.cutting import pieces
from p0_agent.reading.made import MadeTables
from p0_agent.reading.piece import Piece
from p0_demo.postgres import EmbeddedPostgres

TITLE: Final = "PostgreSQL's reading: a statement analysed by the server, and its tree decoded"

SCHEMAS: Final = ("hr", "public", "shop", "util")
PATH: Final = ("public",)
ROUNDS: Final = 5
LIMIT: Final = 0.002
DEEP: Final = (
    "SELECT * FROM information_schema.columns",
    "SELECT * FROM information_schema.routines",
    "SELECT * FROM information_schema.attributes",
    "SELECT * FROM information_schema.table_privileges",
    "SELECT * FROM information_schema.key_column_usage",
)
"""Views of information_schema whose trees are the longest that people ask for."""
DEEP_LIMIT: Final = 0.025


async def run(table: Table) -> None:
    password = Secret("bench")
    async with EmbeddedPostgres(settings={"fsync": "off"}) as server:
        superuser = await psycopg.AsyncConnection.connect(**server.superuser(), autocommit=True)
        await superuser.execute((cases.CASES / "schema.sql").read_bytes())
        await superuser.execute(sql.SQL("CREATE ROLE bench LOGIN PASSWORD {}").format(password.reveal()))
        await superuser.execute(
            sql.SQL("GRANT USAGE ON SCHEMA {} TO bench").format(sql.SQL(", ").join(map(sql.Identifier, SCHEMAS)))
        )
        await superuser.close()
        account = Account(host=server.host, port=server.port, user="bench", password=password, sslmode="disable")
        connections = Connections(agent=account, reader=account, home="postgres")
        try:
            async with connections.reader("postgres") as connection:
                await _measure(table, connection)
        finally:
            await connections.close()


async def _measure(table: Table, connection: Connection) -> None:
    known = [each for each in _pieces() if await _reads(connection, each)]

    async def bare(piece: Piece) -> None:
        connection.pgconn.send_prepare(b"", (piece.analysed or "").encode())
        await connection.wait(generators.execute(connection.pgconn))

    async def analysed(piece: Piece) -> None:
        await postgres.analyse(connection, piece, PATH, MadeTables())

    async def named(piece: Piece) -> None:
        await postgres.check_search_path(connection, PATH)
        catalog = Catalog(database="postgres", version="", server_version=18, schemas=SCHEMAS, relations=())
        await names.lookup(connection, catalog, [await postgres.analyse(connection, piece, PATH, MadeTables())])

    async def known_names(piece: Piece) -> None:
        await postgres.check_search_path(connection, PATH)
        await names.lookup(connection, remembering, [await postgres.analyse(connection, piece, PATH, MadeTables())])

    remembering = Catalog(database="postgres", version="", server_version=18, schemas=SCHEMAS, relations=())

    table.add("bare Parse", await _times(known, bare), baseline=True)
    table.add("analysed and decoded", await _times(known, analysed), limit=LIMIT)
    deep = [Piece(analysed=each, command="SELECT") for each in DEEP]
    table.add("views of information_schema", await _times(deep, analysed), limit=DEEP_LIMIT)
    table.add("and its path and names, known", await _times(known, known_names))
    table.add("and its path and names, looked up", await _times(known, named))


def _pieces() -> list[Piece]:
    return [each for text in cases.statements() for each in pieces(text) if each.analysed is not None]


async def _reads(connection: Connection, piece: Piece) -> bool:
    try:
        await postgres.analyse(connection, piece, PATH, MadeTables())
    except postgres.RefusedByPostgresError:
        return False
    return True


async def _times(known: list[Piece], action: Callable[[Piece], Awaitable[None]]) -> list[float]:
    """The median time of each statement."""
    taken = []
    for piece in known:
        rounds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            await action(piece)
            rounds.append(time.perf_counter() - start)
        taken.append(sorted(rounds)[ROUNDS // 2])
    return taken
