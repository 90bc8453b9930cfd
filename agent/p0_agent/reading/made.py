"""The temporary tables that earlier statements of a text made, for PostgreSQL's reading of the later ones.

A reading leaves nothing behind, so a later one makes the tables anew: empty, and out of names and types alone, never
out of the text, so that nothing of it runs (no default, no check).
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from p0_agent.reading.piece import Made, MadeColumn, Name, Piece


class MadeTables:
    """Of one session."""

    def __init__(self) -> None:
        self._tables: dict[str, Made] = {}
        self._names: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._tables)

    def named(self, name: Name) -> bool:
        """Whether a name may be that of a table which the text made, be it dropped since."""
        schema, table = name
        return schema in (None, "pg_temp") and table in self._names

    def after(self, piece: Piece, columns: Sequence[MadeColumn] = ()) -> None:
        """Takes note of what a statement made or dropped; `columns` are those of the query that it analysed."""
        for name in piece.drops:
            self._tables.pop(name, None)
        if piece.makes is not None:
            found = tuple(columns) if piece.makes.columns is None else piece.makes.columns
            self._names.add(piece.makes.name)
            self._tables[piece.makes.name] = Made(name=piece.makes.name, columns=found)

    def statements(self) -> list[sql.Composed]:
        """What makes them."""
        return [
            sql.SQL("CREATE TEMPORARY TABLE {} ({})").format(
                sql.Identifier("pg_temp", made.name), sql.SQL(", ").join(map(_column, made.columns or ()))
            )
            for made in self._tables.values()
        ]


def _column(column: MadeColumn) -> sql.Composed:
    brackets = sql.SQL("[]" if column.array else "")
    return sql.SQL("{} {}{}").format(sql.Identifier(column.name), sql.Identifier(*column.type), brackets)
