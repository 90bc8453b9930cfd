"""What names mean inside a query: its tables, their columns, and the queries around it (parse_relation.c).

A `Columns` is what a table in FROM offers: names in order, and for each its `Target`: the column of a relation that is
charged when it is read. The columns of sub-queries and functions were charged where they were computed, so their Target
is just their type, or None where that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer.charges import Access, Charges, Reason
from p0_access.permissions.infer.context import RefusedError
from p0_access.permissions.infer.types import canonical
from p0_access.permissions.parse import Node

SYSTEM_COLUMNS: Final = frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"})
_FEW: Final = 8
"""Columns that are looked through rather than indexed."""
Target = tuple[Access, str] | str | None
Entry = tuple[str, Target]


class Missing(Enum):
    """The one value that says that a name stands for nothing; None is a Target."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
Found = Target | Missing


class AmbiguousError(Exception):
    """A name that stands for several columns."""


class Columns:
    """Listed columns. `open` says that there are others whose names are not known, `row` that they are the fields of a
    row that is spelled out: `(a, b)`."""

    __slots__ = ("_entries", "_index", "open", "row")

    def __init__(self, entries: Sequence[Entry], *, open_: bool = False, row: bool = False) -> None:
        self._entries = entries
        self.open = open_
        self.row = row
        self._index: dict[str, list[Target]] | None = None

    def find(self, name: str) -> Found:
        """The Target of a name, or MISSING; raises AmbiguousError."""
        found: Sequence[Target]
        if len(self._entries) <= _FEW:
            found = [target for each, target in self._entries if each == name]
        else:
            found = self._indexed().get(name, ())
        if len(found) > 1:
            raise AmbiguousError
        return found[0] if found else MISSING

    def offers(self, name: str) -> bool:
        """Whether a name stands for one or several of these columns."""
        try:
            return self.find(name) is not MISSING
        except AmbiguousError:
            return True

    def _indexed(self) -> dict[str, list[Target]]:
        if self._index is None:
            self._index = {}
            for name, target in self._entries:
                self._index.setdefault(name, []).append(target)
        return self._index

    def system(self, name: str) -> Found:
        """The Target of a system column, or MISSING."""
        del name
        return MISSING

    def entries(self) -> Sequence[Entry]:
        return self._entries

    def count(self) -> int:
        return len(self.entries())

    def each(self, reason: Reason) -> None:
        """All columns are read, one by one."""
        for _, target in self.entries():
            read_target(target, reason)

    def whole(self, reason: Reason) -> None:
        """The row is read as one value."""
        for _, target in self.entries():
            read_target(target, reason)


Value = Columns | str | None
"""What an expression is, as far as it matters: a row, a type by its canonical name, or None where that is not known."""


class FiredColumns(Columns):
    """NEW, OLD and transition tables: the columns of a trigger's table. A function may serve several tables, so that a
    name which this one does not have is no error."""

    __slots__ = ()

    def __init__(self, table: Relation) -> None:
        super().__init__([(each.name, canonical(each.type)) for each in table.columns])

    def find(self, name: str) -> Found:
        found = super().find(name)
        return None if found is MISSING else found


class RelationColumns(Columns):
    """A table's or view's own columns, not listed before somebody asks."""

    __slots__ = ("_access", "_known")

    def __init__(self, access: Access) -> None:
        super().__init__(())
        self._access = access
        self._known = access.known

    def find(self, name: str) -> Found:
        return (self._access, name) if name in self._known else MISSING

    def system(self, name: str) -> Found:
        return (self._access, name) if name in SYSTEM_COLUMNS and has_system_columns(self._access.relation) else MISSING

    def entries(self) -> Sequence[Entry]:
        return [(name, (self._access, name)) for name in self._known]

    def count(self) -> int:
        return len(self._known)

    def each(self, reason: Reason) -> None:
        for name in self._known:
            self._access.read(name, reason)

    def whole(self, reason: Reason) -> None:
        self._access.whole(reason)


class RenamedColumns(Columns):
    """`FROM t AS a (x, y)`: the first columns under other names."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Columns, names: Sequence[str]) -> None:
        of_inner = inner.entries()
        renamed = [(name, target) for name, (_, target) in zip(names, of_inner, strict=False)]
        extra = [(name, None) for name in names[len(of_inner) :]] if inner.open else []
        super().__init__([*renamed, *extra, *of_inner[len(names) :]], open_=inner.open)
        self._inner = inner

    def system(self, name: str) -> Found:
        return self._inner.system(name)

    def whole(self, reason: Reason) -> None:
        self._inner.whole(reason)


class JoinColumns(Columns):
    """Both sides' columns; those of USING or NATURAL once and first."""

    __slots__ = ("_left", "_merged", "_right")

    def __init__(self, left: Columns, right: Columns, merged: Sequence[str]) -> None:
        super().__init__((), open_=left.open or right.open)
        self._left = left
        self._right = right
        self._merged = dict.fromkeys(merged)

    def find(self, name: str) -> Found:
        if name in self._merged:
            return self._left.find(name)
        left, right = self._left.find(name), self._right.find(name)
        if left is not MISSING and right is not MISSING:
            raise AmbiguousError
        return right if left is MISSING else left

    def entries(self) -> Sequence[Entry]:
        left, right = self._left.entries(), self._right.entries()
        of_left = {entry[0]: entry for entry in left if entry[0] in self._merged}
        merged = [of_left[name] for name in self._merged if name in of_left]
        return [*merged, *(each for side in (left, right) for each in side if each[0] not in self._merged)]


class Cte:
    """One WITH query. `columns` is None until it is read (of a recursive one: until its first arm is), `charges` is
    what it costs if anything uses it.

    `users` are the siblings that mention it, None for the query itself. `kept` says that PostgreSQL plans it even where
    what mentions it is never run.
    """

    __slots__ = ("charges", "columns", "kept", "modifies", "name", "node", "started", "users")

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node
        self.charges = Charges()
        self.columns: Columns | None = None
        self.started = False
        self.modifies = False
        self.kept = False
        self.users: list[Cte | None] = []


class Item:
    """One name in FROM (a ParseNamespaceItem). `schema` is set for a table without an alias: `schema.table.column`."""

    __slots__ = ("columns", "columns_visible", "lateral_only", "name", "name_visible", "schema")

    def __init__(self, name: str, columns: Columns, *, schema: str | None = None) -> None:
        self.name = name
        self.columns = columns
        self.schema = schema
        self.name_visible = True
        self.columns_visible = True
        self.lateral_only = False


class Level:
    """One query: its items, the CTEs it defines, the query around it. `clause` is what is being read, for reasons."""

    __slots__ = ("clause", "ctes", "inside", "items", "lateral", "locks", "parent")

    def __init__(self, parent: Level | None) -> None:
        self.parent = parent
        self.items: list[Item] = []
        self.ctes: dict[str, Cte] = {}
        self.locks: list[tuple[str, Access | Level]] = []
        self.lateral = False
        self.clause = ""
        self.inside: Cte | None = parent.inside if parent is not None else None

    def breadth(self) -> int:
        """How many items there are to look for a name in, from here out."""
        found = 1 + len(self.items)
        level = self.parent
        while level is not None:
            found += 1 + len(level.items)
            level = level.parent
        return found

    def column(self, name: str, location: int, *, local: bool = False) -> Found:
        """The Target an unqualified name stands for, from the innermost query that has it; MISSING if none has."""
        level: Level | None = self
        open_seen = False
        while level is not None:
            found = level.own_column(name, location)
            if found is not MISSING:
                if open_seen:
                    raise RefusedError(
                        "ambiguous_column",
                        f'"{name}" may stand for a column that only the run tells',
                        location,
                        "Write the table's name before the column's.",
                    )
                return found
            open_seen = open_seen or any(item.columns.open and item.columns_visible for item in level.items)
            level = None if local else level.parent
        return None if open_seen else MISSING

    def own_column(self, name: str, location: int) -> Found:
        """The same in this query alone."""
        found: Found = MISSING
        for item in self.items:
            if not item.columns_visible or (item.lateral_only and not self.lateral):
                continue
            try:
                here = item.columns.find(name)
            except AmbiguousError:
                raise _ambiguous(name, location) from None
            if here is MISSING:
                here = item.columns.system(name)
            if here is MISSING:
                continue
            if found is not MISSING:
                raise _ambiguous(name, location)
            found = here
        return found

    def item(self, name: str, schema: str | None, location: int) -> Item | None:
        """What a table's name or alias stands for."""
        level: Level | None = self
        while level is not None:
            found = [
                each
                for each in level.items
                if each.name == name
                and each.name_visible
                and (schema is None or each.schema == schema)
                and not (each.lateral_only and not level.lateral)
            ]
            if len(found) > 1:
                raise RefusedError("ambiguous_table", f'"{name}" stands for several tables', location)
            if found:
                return found[0]
            level = level.parent
        return None

    def names(self) -> Iterable[str]:
        """Every column's name that could be meant, for suggestions."""
        level: Level | None = self
        while level is not None:
            for item in level.items:
                yield from (name for name, _ in item.columns.entries())
            level = level.parent


def read_target(target: Target, reason: Reason) -> str | None:
    """Charges what reading a column costs; its type, if known."""
    if isinstance(target, tuple):
        access, name = target
        access.read(name, reason)
        return column_type(access, name)
    return "text" if target == "unknown" else target


def type_of(target: Target) -> str | None:
    """The type of a column that was charged, if known."""
    return column_type(*target) if isinstance(target, tuple) else target


def column_type(access: Access, name: str) -> str | None:
    found = access.known.get(name)
    return canonical(found.type) if found is not None else None


def _ambiguous(name: str, location: int) -> RefusedError:
    return RefusedError(
        "ambiguous_column",
        f'column "{name}" could belong to several tables',
        location,
        "Write the table's name before the column's.",
    )


def has_system_columns(relation: Relation) -> bool:
    return relation.kind != "view"
