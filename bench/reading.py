"""The kernel's reading of SQL against the parser's bare parse of the same statements, over the tests' own cases."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Final

import msgspec
import postgast

from bench import cases
from bench.harness import Table
from p0_access.encoding import encode
from p0_access.permissions.catalog import Catalog, Relation
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused

TITLE: Final = "reading: permissions from SQL, one statement at a time"

ROUNDS: Final = 7
TABLES: Final = 100_000
LOAD: Final = 1.0
HANGS: Final = 0.25
COLUMNS: Final = ", ".join(["id"] * 1_600)
HOSTILE: Final = [
    "(" * 1_000_000,
    "select 1" + " union select 1" * 20_000,
    "select " + "1+" * 30_000 + "1",
    "select " + "+" * 60_000 + "1",
    "/*/" * 20_000,
    f"({COLUMNS})".join(("update shop.orders set ", " = row ", "")),
    "select " + "o, " * 21_000 + "1 from shop.orders o",
    "select " + "*, " * 21_000 + "1 from shop.orders",
    "select 1 from shop.orders where id in (id" + ", id" * 15_000 + ")",
    "select 1 from shop.orders where id = 1" + " and id = 1" * 5_900,
    "select * from shop.orders" + ", shop.orders" * 4_500,
    "select * from " + "(select x.*, x.* from " * 30 + "shop.orders x" + ") x" * 30,
    "; ".join(["select 1 from shop.nosuch"] * 2_300),
    "; ".join(["table shop.orders"] * 3_400),
    "select 1;" * 7_000,
]


async def run(table: Table) -> None:
    catalog = msgspec.json.decode((cases.CASES / "catalog.json").read_bytes(), type=Catalog)
    statements = [sql for sql in _statements() if not any(isinstance(one, Refused) for one in read(sql, catalog))]
    table.add("bare parse (protobuf)", _times(statements, postgast.parse), baseline=True)
    table.add("kernel's reading", _times(statements, lambda sql: read(sql, catalog)))
    data = encode(msgspec.structs.replace(catalog, version="large", relations=_many(catalog)))
    before = _memory()
    began = time.perf_counter()
    large = decode_catalog(data)
    read(statements[0], large)
    loaded = time.perf_counter() - began
    table.add(f"{TABLES:,} tables loaded ({_memory() - before:,} MB)", [loaded], limit=LOAD)
    table.add(f"the same, {TABLES:,} tables", _times(statements, lambda sql: read(sql, large)))
    unknown = ["select 1 from nosuch", "select 1 from shop.ordrs", "select 1 from t12x"]
    table.add("a name that is not there, suggestions", _times(unknown, lambda sql: read(sql, large)))
    hostile = _times(HOSTILE, lambda sql: read(sql, catalog))
    table.add("hostile texts", hostile, limit=HANGS)
    table.add("the worst of them", [max(hostile)], limit=HANGS)


def _memory() -> int:
    """The most that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _statements() -> list[str]:
    """Without what is psql's, which the bare parse does not know."""
    return [guard(each) for each in cases.statements()]


def _many(catalog: Catalog) -> tuple[Relation, ...]:
    model = catalog.relations[0]
    more = (msgspec.structs.replace(model, name=f"t{number}") for number in range(TABLES - len(catalog.relations)))
    return (*catalog.relations, *more)


def _times(statements: list[str], action: Callable[[str], object]) -> list[float]:
    """The median time of each statement."""
    taken = []
    for sql in statements:
        rounds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            action(sql)
            rounds.append(time.perf_counter() - start)
        taken.append(sorted(rounds)[ROUNDS // 2])
    return taken
