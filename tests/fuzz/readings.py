"""What must hold of the kernel's reading of any text whatever, told by libpg_query's own tree.

    no exception, no more than so much processor time, and of each text that is understood
    every relation of the catalog that the tree names is one that the reading needs, and no other is

The catalog has plain tables only, so that nothing but what a statement names can be needed. The tree is taken through
another door than the kernel's (protocol buffers) and walked without any of its rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import postgast

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Catalog, Relation
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import read
from p0_access.permissions.permission import Kind
from p0_access.permissions.reading import Reading, Refused

SECONDS: Final = 5.0
"""Of processor time, under instrumentation; `make bench` has the real figures."""

PATH: Final = ("public", "hr")

_NEEDED: Final = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})
_MAKES_NAMES: Final = frozenset({"CreateStmt", "CreateTableAsStmt", "IntoClause"})
_LATER: Final = frozenset({"PrepareStmt", "DeclareCursorStmt", "CommonTableExpr"})
"""What is in these may need nothing: it may never run."""

Name = tuple[str, str]


class BrokenPromiseError(Exception):
    """Something that must hold does not."""


def plain(catalog: Catalog) -> Catalog:
    """The tables of a catalog, without anything that would make a statement need more than it names."""
    tables = tuple(_plain(each) for each in catalog.relations if each.kind == "table")
    return msgspec.structs.replace(catalog, relations=tables, functions=(), types=(), operators=(), schemas=PATH)


def _plain(table: Relation) -> Relation:
    columns = tuple(
        msgspec.structs.replace(each, default=None, identity="", generated="", type="text") for each in table.columns
    )
    return Relation(schema=table.schema, name=table.name, kind="table", columns=columns)


def sample(cases: Path) -> Catalog:
    """Of the cases of inference."""
    return plain(msgspec.json.decode((cases / "catalog.json").read_bytes(), type=Catalog))


def check(text: str, catalog: Catalog, reader: Callable[..., Reading] = read) -> bool:
    """Whether the text was understood; raises `BrokenPromiseError`."""
    begun = time.process_time()
    readings = reader(text, catalog, search_path=PATH)
    taken = time.process_time() - begun
    if taken > SECONDS:
        raise BrokenPromiseError(f"reading took {taken:.1f} s")
    understood = [each for each in readings if not isinstance(each, Refused)]
    if not understood or len(understood) < len(readings):
        return False
    try:
        tree = postgast.parse(guard(text))
    except (ReadingError, ValueError):  # nested deeper than protocol buffers go
        return False
    needed = {
        (permission.schema or "", permission.object or "")
        for each in understood
        for permission in each.permissions
        if permission.kind in _NEEDED
    }
    _compare(needed, tree, catalog)
    return True


def _compare(needed: set[Name], tree: Any, catalog: Catalog) -> None:
    kinds = {type(node).__name__ for _, node in postgast.walk(tree)}
    if kinds & _MAKES_NAMES:
        return
    queries = {node.ctename for _, node in postgast.walk(tree) if type(node).__name__ == "CommonTableExpr"}
    for name in _named(tree, later=not kinds & {"ExecuteStmt", "FetchStmt"}):
        found = _resolved(name, catalog)
        if found is not None and found not in needed and (name[0] or name[1] not in queries):
            raise BrokenPromiseError(f"the tree names {'.'.join(found)}, the reading does not need it")
    everything = {_resolved(name, catalog) for name in _named(tree, later=False)}
    for other in needed - everything:
        raise BrokenPromiseError(f"the reading needs {'.'.join(other)}, the tree does not name it")


def _named(tree: Any, *, later: bool) -> Iterator[Name]:
    """Schema and name of every relation that is written somewhere but in FOR UPDATE OF. With `later`, only where it
    runs now."""
    stack = [("", tree)]
    while stack:
        field, node = stack.pop()
        kind = type(node).__name__
        if kind == "RangeVar":
            if field != "locked_rels":
                yield node.schemaname, node.relname
        elif not (later and kind in _LATER):
            stack += _children(node)


def _children(message: Any) -> Iterator[tuple[str, Any]]:
    """What is directly in a protocol buffer; the wrapper `Node` is gone through."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for each in value if descriptor.is_repeated else (value,):
            if type(each).__name__ == "Node":
                yield from ((descriptor.name, inner) for _, inner in _children(each))
            else:
                yield descriptor.name, each


def _resolved(name: Name, catalog: Catalog) -> Name | None:
    schemas = (name[0],) if name[0] else PATH
    return next(((each, name[1]) for each in schemas if catalog.relation(each, name[1])), None)
