"""The names behind a tree's OIDs, asked of the database in one query as the reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from p0_access.permissions.catalog import Catalog
from p0_agent.postgres.connections import Connection
from p0_agent.postgres.queries import query
from p0_agent.reading.tree import FIRST_OWN_OID, Tree


class NamedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`public`: in a system catalog, that PUBLIC may read it."""

    number: int
    name: str
    public: bool


class NamedRelation(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` as in pg_class.relkind; `columns` in order, dropped ones left out."""

    oid: int
    schema: str
    name: str
    kind: str
    system: bool
    row_security: bool
    columns: tuple[NamedColumn, ...]


class NamedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """`types` are the input arguments' types, as GRANT … ON FUNCTION wants them."""

    oid: int
    schema: str
    name: str
    types: str
    language: str
    public: bool
    system: bool
    security_definer: bool


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """By OID; what is not in here does not exist any more. `operators` leads to the functions behind them, `types` to
    the schemas of types outside the system catalogs."""

    relations: dict[int, NamedRelation]
    functions: dict[int, NamedFunction]
    operators: dict[int, int]
    types: dict[int, str]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """The query's answer."""

    relations: tuple[NamedRelation, ...] | None
    functions: tuple[NamedFunction, ...] | None
    operators: dict[int, int] | None
    types: dict[int, str] | None


_DECODER: Final = msgspec.json.Decoder(_Found)


async def lookup(connection: Connection, catalog: Catalog, trees: Sequence[Tree]) -> Names:
    """What the trees' OIDs stand for. What the catalog covers is remembered with it, since it is another catalog once a
    name in it changes; and so are PostgreSQL's own objects. Everything else is asked for each time."""
    known = _known(catalog)
    lacking = {
        "relations": {each for tree in trees for each in _relations(tree)} - known.relations.keys(),
        "functions": {each for tree in trees for each in tree.functions} - known.functions.keys(),
        "operators": {each for tree in trees for each in tree.operators} - known.operators.keys(),
        "types": {each for tree in trees for each in tree.types if each >= FIRST_OWN_OID} - known.types.keys(),
    }
    if not any(lacking.values()):
        return known
    cursor = await connection.execute(
        query("names", __package__), {name: sorted(oids) for name, oids in lacking.items()}
    )
    row = await cursor.fetchone()
    found = _DECODER.decode(str(row[0]) if row else "")
    asked = Names(
        relations={each.oid: each for each in found.relations or ()},
        functions={each.oid: each for each in found.functions or ()},
        operators=found.operators or {},
        types=found.types or {},
    )
    all_of_them = Names(
        relations=known.relations | asked.relations,
        functions=known.functions | asked.functions,
        operators=known.operators | asked.operators,
        types=known.types | asked.types,
    )
    _remember(known, asked, frozenset(catalog.schemas))
    return all_of_them


def _relations(tree: Tree) -> frozenset[int]:
    return tree.relations | {sequence for _, sequence in tree.draws}


def _known(catalog: Catalog) -> Names:
    found = catalog.memory.get((__name__,))
    if not isinstance(found, Names):
        found = catalog.memory[__name__,] = Names(relations={}, functions={}, operators={}, types={})
    return found


def _remember(known: Names, asked: Names, covered: frozenset[str]) -> None:
    for relation in asked.relations.values():
        if relation.system or relation.schema in covered:
            known.relations[relation.oid] = relation
    for function in asked.functions.values():
        if function.system or function.schema in covered:
            known.functions[function.oid] = function
    for operator, behind in asked.operators.items():
        if behind in known.functions:
            known.operators[operator] = behind
    for type_, schema in asked.types.items():
        if schema in covered:
            known.types[type_] = schema
