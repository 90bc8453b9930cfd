"""The names behind a tree's OIDs, asked of the catalog in one query as the reader."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import msgspec

from p0_agent.postgres.connections import Connection
from p0_agent.postgres.queries import query
from p0_agent.reading.tree import Tree


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


class Names(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is not in here does not exist any more. `operators` leads to the functions behind them,
    `type_schemas` are the schemas of types outside the system catalogs."""

    relations: tuple[NamedRelation, ...] | None
    functions: tuple[NamedFunction, ...] | None
    operators: dict[int, int] | None
    type_schemas: tuple[str, ...] | None = None

    @cached_property
    def relation(self) -> dict[int, NamedRelation]:
        return {each.oid: each for each in self.relations or ()}

    @cached_property
    def function(self) -> dict[int, NamedFunction]:
        return {each.oid: each for each in self.functions or ()}


_DECODER = msgspec.json.Decoder(Names)


async def lookup(connection: Connection, trees: Iterable[Tree]) -> Names:
    """Nothing is remembered from one call to the next: a name may change while its OID stays."""
    relations: set[int] = set()
    functions: set[int] = set()
    operators: set[int] = set()
    types: set[int] = set()
    for tree in trees:
        relations |= tree.relations | {sequence for _, sequence in tree.draws}
        functions |= tree.functions
        operators |= tree.operators
        types |= tree.types
    wanted = {
        "relations": sorted(relations),
        "functions": sorted(functions),
        "operators": sorted(operators),
        "types": sorted(types),
    }
    cursor = await connection.execute(query("names", __package__), wanted)
    row = await cursor.fetchone()
    return _DECODER.decode(str(row[0]) if row else "")
