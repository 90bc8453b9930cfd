"""The catalog as rows: which are shown, given what is open and what is filtered for. Pure; draws nothing.

Made for 100,000 tables: a schema is sorted, and rows are made, only when they are to be seen, and a filter is a
substring search over names that were joined once. A schema's functions stand behind its tables and views.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from p0_access.permissions.catalog import Catalog, Column, Function, Relation

RowKind = Literal["database", "schema", "relation", "column", "function"]


class Row(NamedTuple):
    """One line of the tree. `schema`, and `relation` with `column` or `function`, are there from that level on."""

    kind: RowKind
    database: str
    schema: str | None = None
    relation: Relation | None = None
    column: Column | None = None
    function: Function | None = None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        return self.database, self.schema, None if self.relation is None else self.relation.name


class CatalogRows:
    """The databases by name, and one database's catalog, once it is here."""

    def __init__(self) -> None:
        self._databases: tuple[str, ...] = ()
        self._catalog: Catalog | None = None
        self._items: dict[str, list[Relation | Function]] = {}
        self._sorted: dict[str, Sequence[Relation | Function]] = {}
        self._haystack: list[tuple[str, str, Relation | Function]] | None = None
        self._open: set[tuple[str, str | None, str | None]] = set()
        self._words: tuple[str, ...] = ()
        self.rows: Sequence[Row] = ()
        self.matched = 0
        self.total = 0

    def show_databases(self, names: Sequence[str]) -> None:
        self._databases = tuple(names)
        self._rebuild()

    def show_catalog(self, catalog: Catalog) -> None:
        """Opens the database and, when there are few, its schemas."""
        self._catalog = catalog
        self._haystack = None
        self._sorted = {}
        self._items = {schema: [] for schema in sorted(catalog.schemas)}
        for relation in catalog.relations:
            if relation.kind != "sequence":
                self._items.setdefault(relation.schema, []).append(relation)
        for function in catalog.functions:
            self._items.setdefault(function.schema, []).append(function)
        self.total = sum(len(items) for items in self._items.values())
        self._open.add((catalog.database, None, None))
        if self.total <= 200:
            self._open.update((catalog.database, schema, None) for schema in self._items)
        self._rebuild()

    def filter(self, text: str) -> None:
        """Keeps the relations and functions whose `schema.name` holds every word; nothing typed keeps all."""
        self._words = tuple(text.casefold().split())
        self._rebuild()

    def is_open(self, row: Row) -> bool:
        return row.key in self._open or (bool(self._words) and row.kind in {"database", "schema"})

    def toggle(self, row: Row) -> None:
        self.set_open(row, opened=not self.is_open(row))

    def set_open(self, row: Row, *, opened: bool) -> None:
        if row.kind in {"column", "function"}:
            return
        (self._open.add if opened else self._open.discard)(row.key)
        self._rebuild()

    def parent(self, index: int) -> int:
        """The row that the one at `index` stands under; itself at the top."""
        level = _LEVEL[self.rows[index].kind]
        return next((at for at in range(index, -1, -1) if _LEVEL[self.rows[at].kind] < level), index)

    def _rebuild(self) -> None:
        current = None if self._catalog is None else self._catalog.database
        names = self._databases if current is None or current in self._databases else (*self._databases, current)
        found: list[Row] = []
        for name in names:
            row = Row("database", name)
            found.append(row)
            if name == current and self.is_open(row):
                self._add_schemas(found, name)
        self.rows = found

    def _add_schemas(self, found: list[Row], database: str) -> None:
        matching = self._matching() if self._words else self._items
        self.matched = sum(len(items) for items in matching.values())
        for schema in matching:
            row = Row("schema", database, schema)
            found.append(row)
            if not self.is_open(row):
                continue
            items = matching[schema] if self._words else self._in_order(schema)
            rows = [_row(database, schema, item) for item in items]
            if not self._any_relation_open:
                found.extend(rows)
                continue
            for relation in rows:
                found.append(relation)
                if relation.key in self._open and relation.relation is not None:
                    found.extend(relation._replace(kind="column", column=item) for item in relation.relation.columns)

    def _in_order(self, schema: str) -> Sequence[Relation | Function]:
        """What is in a schema: relations, then functions, by name. Sorted when it is first looked at."""
        known = self._sorted.get(schema)
        if known is None:
            known = self._sorted[schema] = sorted(self._items[schema], key=_order)
        return known

    @property
    def _any_relation_open(self) -> bool:
        return any(relation is not None for _, _, relation in self._open)

    def _matching(self) -> dict[str, list[Relation | Function]]:
        """By schema, those that hold every word; schemas without any are left out."""
        if self._haystack is None:
            self._haystack = [
                (f"{schema}.{item.name}".casefold(), schema, item)
                for schema in self._items
                for item in self._in_order(schema)
            ]
        first, *others = self._words
        found: dict[str, list[Relation | Function]] = {}
        for text, schema, item in self._haystack:
            if first in text and all(word in text for word in others):
                found.setdefault(schema, []).append(item)
        return found


def _order(item: Relation | Function) -> tuple[bool, str, str]:
    return (True, item.name, item.arguments) if isinstance(item, Function) else (False, item.name, "")


def _row(database: str, schema: str, item: Relation | Function) -> Row:
    if isinstance(item, Function):
        return Row("function", database, schema, function=item)
    return Row("relation", database, schema, item)


_LEVEL: dict[RowKind, int] = {"database": 0, "schema": 1, "relation": 2, "function": 2, "column": 3}
