"""Which names are offered where, from tokens alone: SQL that is being written seldom parses."""

from __future__ import annotations

import msgspec
import pytest

from fix_tui import CATALOG
from p0_access.permissions.catalog import Column, Function, Relation
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused
from p0_tui.completion import complete, nearest_name

ODD = msgspec.structs.replace(
    CATALOG,
    relations=(
        *CATALOG.relations,
        Relation(schema="enterprise", name="Order Lines", kind="view", columns=(Column(name="Qty", type="integer"),)),
    ),
    functions=(Function(schema="enterprise", name="rate", arguments="integer, date", returns="numeric"),),
)


def offered(marked: str, *, asked: bool = False) -> list[str] | None:
    """The names offered at `|`, or at the end."""
    at = marked.find("|") if "|" in marked else len(marked)
    found = complete(marked.replace("|", ""), at, ODD, asked=asked)
    return None if found is None else [each.text for each in found.candidates]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("select em| from enterprise.customers c", ["email"]),
        ("select c.| from enterprise.customers c", ["id", "market_id", "name", "email", "phone"]),
        ("select C.ph| from enterprise.customers as c", ["phone"]),
        ("select customers.ph| from enterprise.customers", ["phone"]),
        ("select enterprise.customers.ph| from enterprise.customers", ["phone"]),
        ("select id| from enterprise.customers c, enterprise.orders o", ["c.id", "o.id"]),
        ("select * from ent", ["enterprise", "ledger.entries"]),
        ("select * from enterprise.markets m join cu", ["enterprise.customers"]),
        ("select * from enterprise.", ["customers", "markets", '"Order Lines"', "orders", "rate("]),
        ("select * from enterprise.ord", ['"Order Lines"', "orders"]),
        ('select qt| from enterprise."Order Lines"', ['"Qty"']),
        ("update enterprise.orders set st", ["status"]),
        ("insert into enterprise.orders (st", ["status"]),
        ("select o.st| from enterprise.orders o; select m.co from enterprise.markets m", ["status"]),
        ("select o.st from enterprise.orders o; select m.co| from enterprise.markets m", ["code"]),
        ("select * from enterprise.orders wh", ["when", "where"]),
        ("SEL", ["SELECT"]),
        ("select enterprise.ra", ["rate("]),
        ("select 'é', c.na| from enterprise.customers c", ["name"]),
    ],
)
def test_offers(marked: str, expected: list[str]) -> None:
    assert offered(marked) == expected


@pytest.mark.parametrize(
    "marked",
    ["s", "select e", "select 'em", "select 1 -- em", "select /* em", "select $$ em", "select x.", "select email", ""],
)
def test_offers_nothing(marked: str) -> None:
    assert offered(marked) is None


def test_offers_everything_when_asked() -> None:
    assert offered("select | from enterprise.markets", asked=True) == ["id", "code", "name", "region", "markets"]


def test_replaces_only_the_last_part() -> None:
    sql = "select c.em from enterprise.customers c"
    found = complete(sql, 11, ODD)
    assert found is not None
    assert sql[found.start : found.end] == "em"


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("select * from enterprise.market", "enterprise.markets"),
        ("select emial from enterprise.customers", "email"),
        ("select * from nowhere.nothing_like_it", None),
        ("select from where", None),
    ],
)
def test_the_nearest_name_of_one_that_does_not_exist(sql: str, name: str | None) -> None:
    (problem, *_) = (item for item in read(sql, ODD) if isinstance(item, Refused))
    assert nearest_name(problem, ODD) == name
