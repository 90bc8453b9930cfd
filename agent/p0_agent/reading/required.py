"""From what a tree requires, by number, to permissions by name: PostgreSQL's own words for what it will check.

A privilege that is required while no column is given is satisfied by any one column. What PUBLIC may read in the system
catalogs needs nothing; what it may not read there is named like anything else, and nobody grants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from p0_access.permissions.permission import Kind, Permission, any_column, canonical, column, relation
from p0_agent.errors import TransientError
from p0_agent.reading.names import NamedFunction, NamedRelation, Names
from p0_agent.reading.nodes import TreeError
from p0_agent.reading.tree import WHOLE_ROW, Draw, Mention, Tree

_BY_COLUMN: Final = ((2, "SELECT"), (1, "INSERT"), (4, "UPDATE"))
_WHOLE: Final = ((8, "DELETE"), (16, "TRUNCATE"), (32, "REFERENCES"), (64, "TRIGGER"), (16384, "MAINTAIN"))
_KNOWN_BITS: Final = sum(bit for bit, _ in (*_BY_COLUMN, *_WHOLE))

_SYSTEM_COLUMNS: Final = {-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid"}

_SEQUENCE: Final = "S"
# For each use the privileges that satisfy it, the one that allows the least first; setval leaves no choice.
_DRAWS: Final = (("setval", ("UPDATE",)), ("nextval", ("USAGE", "UPDATE")), ("currval", ("SELECT", "USAGE")))


class CatalogMovedError(TransientError):
    """An object was dropped between its reading and the look at its name: read again."""

    def __init__(self) -> None:
        super().__init__("the catalog changed while the SQL was read", code="catalog_moved")


def charged(tree: Tree, names: Names, *, runs: bool = True) -> tuple[Permission, ...]:
    """What the caller needs. With `runs` false nothing is executed, and so no sequence is drawn from (EXPLAIN)."""
    found = set(_mentioned((each for each in tree.mentions if not each.owners), names))
    found.update(execute(each) for each in functions(tree, names) if not each.public)
    if runs:
        found.update(_drawn(tree.draws, names, found))
    return least(found)


def reached(tree: Tree, names: Names) -> tuple[Permission, ...]:
    """What the owners of views and rules need on the caller's behalf."""
    return least(_mentioned((each for each in tree.mentions if each.owners), names))


def functions(tree: Tree, names: Names) -> Iterator[NamedFunction]:
    """The functions that run: those called, and those behind operators."""
    try:
        for oid in sorted(tree.functions | {names.operators[each] for each in tree.operators}):
            yield names.functions[oid]
    except KeyError:
        raise CatalogMovedError from None


def execute(function: NamedFunction) -> Permission:
    return Permission(Kind.FUNCTION, function.schema, f"{function.name}({function.types})", None, "EXECUTE")


def least(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """The canonical set, without `any_column` where a column of the relation is needed with that privilege anyway."""
    found = set(permissions)
    columns = {(each.schema, each.object, each.privilege) for each in found if each.kind is Kind.COLUMN}
    return canonical(
        each
        for each in found
        if each.kind is not Kind.ANY_COLUMN or (each.schema, each.object, each.privilege) not in columns
    )


def _mentioned(mentions: Iterable[Mention], names: Names) -> Iterator[Permission]:
    for mention in mentions:
        found = names.relations.get(mention.relation)
        if found is None:
            raise CatalogMovedError
        if mention.required & ~_KNOWN_BITS:
            raise TreeError("PostgreSQL requires a privilege that is not known", code="tree_not_understood")
        for bit, privilege in _WHOLE:
            if mention.required & bit:
                yield relation(found.schema, found.name, privilege)
        for (bit, privilege), numbers in zip(
            _BY_COLUMN, (mention.selected, mention.inserted, mention.updated), strict=True
        ):
            if mention.required & bit:
                yield from _on_columns(found, privilege, numbers)


def _on_columns(found: NamedRelation, privilege: str, numbers: frozenset[int]) -> Iterator[Permission]:
    if found.kind == _SEQUENCE:
        yield Permission(Kind.SEQUENCE, found.schema, found.name, None, privilege)
        return
    public = frozenset(each.name for each in found.columns if each.public) if privilege == "SELECT" else frozenset()
    wanted = _names(found, numbers)
    if not wanted and not public:
        some = any_column if found.columns else relation
        yield some(found.schema, found.name, privilege)
    for name in wanted - public:
        if not (public and name in _SYSTEM_COLUMNS.values()):
            yield column(found.schema, found.name, name, privilege)


def _names(found: NamedRelation, numbers: frozenset[int]) -> frozenset[str]:
    """The columns' names; the whole row is all of them."""
    names = {each.number: each.name for each in found.columns}
    wanted = (numbers - {WHOLE_ROW}) | (names.keys() if WHOLE_ROW in numbers else frozenset())
    try:
        return frozenset(names[each] if each > 0 else _SYSTEM_COLUMNS[each] for each in wanted)
    except KeyError:
        raise CatalogMovedError from None


def _drawn(draws: Iterable[Draw], names: Names, already: Iterable[Permission]) -> Iterator[Permission]:
    """The fewest privileges for all uses of each sequence."""
    uses: dict[int, set[str]] = {}
    for use, oid in draws:
        uses.setdefault(oid, set()).add(use)
    for oid, wanted in uses.items():
        found = names.relations.get(oid)
        if found is None:
            raise CatalogMovedError
        held = {
            each.privilege
            for each in already
            if each.kind is Kind.SEQUENCE and (each.schema, each.object) == (found.schema, found.name)
        }
        for use, choices in _DRAWS:
            if use in wanted:
                privilege = next((each for each in choices if each in held), choices[0])
                held.add(privilege)
                yield Permission(Kind.SEQUENCE, found.schema, found.name, None, privilege)
