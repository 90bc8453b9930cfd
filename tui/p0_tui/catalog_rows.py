"""The catalog as rows: which are shown, given what is open and what is filtered for. Pure; draws nothing.

Made for 100,000 tables: rows are made only when they are to be seen, out of the catalog's sorted names, and a filter is
a substring search over names that were joined once. What a row stands for is asked of the catalog when it is drawn. A
schema's functions stand behind its tables and views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from p0_access.packed import Listing
from p0_access.permissions.catalog import Catalog, Column, Function, Relation

RowKind = Literal["database", "schema", "relation", "column", "function"]

FEW: Final = 200
"""With no more relations and functions than these, all schemas are open at first."""


class Row(NamedTuple):
    """One line of the tree. `schema`, `name` with its `place` among the catalog's relations or functions, and `column`
    are there from that level on."""

    kind: RowKind
    database: str
    schema: str | None = None
    name: str | None = None
    place: int = -1
    column: Column | None = None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        return self.database, self.schema, self.name


class _Schema(NamedTuple):
    """What is in one: its relations but sequences, and its functions. An item is numbered through both."""

    relations: Listing
    functions: Listing

    @property
    def size(self) -> int:
        return len(self.relations.names) + len(self.functions.names)

    def rows(self, database: str, schema: str, items: Sequence[int]) -> Iterator[Row]:
        relations, functions = self
        for item in items:
            at = item - len(relations.names)
            if at < 0:
                yield Row("relation", database, schema, relations.names[item], relations.places[item])
            else:
                yield Row("function", database, schema, functions.names[at], functions.places[at])


class CatalogRows:
    """The databases by name, and one database's catalog, once it is here."""

    def __init__(self) -> None:
        self._databases: tuple[str, ...] = ()
        self._catalog: Catalog | None = None
        self._schemas: dict[str, _Schema] = {}
        self._haystack: dict[str, str] | None = None
        self._open: set[tuple[str, str | None, str | None]] = set()
        self._words: tuple[str, ...] = ()
        self.rows: Sequence[Row] = ()
        self.matched = 0
        self.total = 0

    def show_databases(self, names: Sequence[str]) -> None:
        self._databases = tuple(names)
        self._rebuild()

    def show_catalog(self, catalog: Catalog) -> None:
        """Opens the database and, when there is little in them, its schemas."""
        self._catalog = catalog
        self._haystack = None
        relations, functions = catalog.relation_listings, catalog.function_listings
        self._schemas = {
            schema: _Schema(_without_sequences(relations.get(schema, _NONE)), functions.get(schema, _NONE))
            for schema in sorted({*catalog.schemas, *relations, *functions})
        }
        self.total = sum(schema.size for schema in self._schemas.values())
        self._open.add((catalog.database, None, None))
        if self.total <= FEW:
            self._open.update((catalog.database, schema, None) for schema in self._schemas)
        self._rebuild()

    def relation(self, row: Row) -> Relation:
        """What a row of a relation, or of a column, stands for."""
        assert self._catalog is not None
        return self._catalog.relations[row.place]

    def function(self, row: Row) -> Function:
        assert self._catalog is not None
        return self._catalog.functions[row.place]

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
        matching = self._matching()
        self.matched = sum(len(items) for items in matching.values())
        any_relation_open = any(name is not None for _, _, name in self._open)
        for schema, items in matching.items():
            row = Row("schema", database, schema)
            found.append(row)
            if not self.is_open(row):
                continue
            rows = self._schemas[schema].rows(database, schema, items)
            if not any_relation_open:
                found.extend(rows)
                continue
            for each in rows:
                found.append(each)
                if each.kind == "relation" and each.key in self._open:
                    columns = self.relation(each).columns
                    found.extend(each._replace(kind="column", column=column) for column in columns)

    def _matching(self) -> Mapping[str, Sequence[int]]:
        """By schema, the items that hold every word; schemas without any are left out. All without words."""
        if not self._words:
            return {schema: range(has.size) for schema, has in self._schemas.items()}
        if self._haystack is None:
            self._haystack = {schema: _joined(schema, has) for schema, has in self._schemas.items()}
        found: dict[str, Sequence[int]] = {}
        for schema, text in self._haystack.items():
            items: Sequence[int] = range(self._schemas[schema].size)
            words = [word for word in self._words if word not in schema.casefold()]
            if not all(word in text for word in words):
                continue
            lines = text.split("\n") if words else ()
            for word in words:
                items = [item for item in items if word in lines[item]]
            if items:
                found[schema] = items
        return found


def _without_sequences(listing: Listing) -> Listing:
    if "sequence" not in listing.kinds:
        return listing
    return listing.only(at for at, kind in enumerate(listing.kinds) if kind != "sequence")


def _joined(schema: str, has: _Schema) -> str:
    """A line for each item, as it is searched for; no word holds a line's end."""
    names = (*has.relations.names, *has.functions.names)
    return "\n".join(f"{schema}.{name}".replace("\n", " ").casefold() for name in names)


_NONE: Final = Listing((), (), ())

_LEVEL: Final[dict[RowKind, int]] = {"database": 0, "schema": 1, "relation": 2, "function": 2, "column": 3}
