"""The queries of TPC-H and TPC-DS as a corpus: as their authors wrote them, and as an optimizer rewrote them.

They are fetched when the tests are set up (tools/fetch-corpus.sh) and not part of this project. Few of them are in
another dialect than PostgreSQL's: those are translated.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import sqlglot
from psycopg import sql
from sqlglot.errors import ParseError

from inference_proof import corpus

BENCHMARKS: Final = {"tpc-h": "TPCH_SCHEMA", "tpc-ds": "TPCDS_SCHEMA"}
"""Its name, and what its tables are called in the module that lists them."""

_TYPES: Final = {
    "string": sql.SQL("text"),
    "int": sql.SQL("integer"),
    "bigint": sql.SQL("bigint"),
    "double": sql.SQL("numeric"),
}
_DATE: Final = "date"


def folder() -> Path | None:
    """Where the queries are, if they were fetched."""
    found = corpus.fetched("tpc")
    return found if found.is_dir() else None


async def create(connection: psycopg.AsyncConnection, benchmark: str, files: Path) -> None:
    """Its tables, empty, in `public`, in a database that plans in haste: there is nothing to find.

    The fetched list has dates as text; their names say what the standard has.
    """
    for table, columns in _tables(benchmark, files).items():
        listed = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_DATE) if name.endswith(_DATE) else _TYPES[type_])
            for name, type_ in columns.items()
        ]
        await connection.execute(
            sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(table), sql.SQL(", ").join(listed))
        )
    for hasty in (sql.SQL("jit = off"), sql.SQL("join_collapse_limit = 1"), sql.SQL("from_collapse_limit = 1")):
        database = sql.Identifier(connection.info.dbname)
        await connection.execute(sql.SQL("ALTER DATABASE {} SET {}").format(database, hasty))


async def queries(connection: psycopg.AsyncConnection, benchmark: str, files: Path, *, every: int = 1) -> list[str]:
    """One in `every`, of a list in which what the optimizer made of a query follows it; without what PostgreSQL does
    not take in either dialect."""
    found = []
    listed = list(_statements((files / f"{benchmark}.sql").read_text(encoding="utf-8")))
    for text in listed[::every]:
        for spelled in (text, _translated(text)):
            if spelled is not None and await _taken(connection, spelled):
                found.append(spelled)
                break
    return found


def _tables(benchmark: str, files: Path) -> dict[str, dict[str, str]]:
    module = ast.parse((files / "helpers.py").read_text(encoding="utf-8"))
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == BENCHMARKS[benchmark]:
            tables: dict[str, dict[str, str]] = ast.literal_eval(node.value)
            return tables
    raise ValueError(f"no tables of {benchmark}")


def _statements(text: str) -> Iterator[str]:
    """Comments and what is said about a query take whole lines; no query has a semicolon inside."""
    lines = (line for line in text.splitlines() if not line.startswith(("--", "#")))
    yield from (each.strip() for each in "\n".join(lines).split(";") if each.strip())


def _translated(text: str) -> str | None:
    try:
        (found,) = sqlglot.transpile(text, write="postgres")
    except ParseError:
        return None
    return found


async def _taken(connection: psycopg.AsyncConnection, text: str) -> bool:
    try:
        await connection.execute(b"EXPLAIN " + text.encode())
    except psycopg.Error:
        return False
    return True
