"""`any_column` becomes the least telling column; tags come from comments; routing is told what it must know."""

from __future__ import annotations

from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.facts import facts
from p0_access.permissions.permission import Permission, any_column, column, relation
from p0_access.permissions.settle import comment_tags, settle

CUSTOMERS = Relation(
    schema="enterprise",
    name="customers",
    kind="table",
    columns=(
        Column(name="email", type="text", comment="Where to write. p0:pii"),
        Column(name="id", type="bigint"),
        Column(name="note", type="text", comment="not a tag: xp0:pii p0:9 http://p0:x/"),
    ),
)
PAYROLL = Relation(
    schema="enterprise", name="payroll", kind="table", comment="P0:Secret", columns=(Column(name="id", type="int"),)
)
EMPTY = Relation(schema="enterprise", name="nothing", kind="table")
ORDERS = Relation(
    schema="enterprise",
    name="orders",
    kind="table",
    columns=(Column(name="id", type="bigint"), Column(name="note", type="text")),
    serials={"id": ("enterprise", "orders_id_seq")},
)
CATALOG = Catalog(
    database="d", version="1", server_version=18, schemas=("enterprise",), relations=(CUSTOMERS, PAYROLL, EMPTY, ORDERS)
)
ANY = any_column("enterprise", "customers", "SELECT")


def settled(*permissions: Permission) -> set[Permission]:
    tags = comment_tags(CATALOG, permissions)
    return set(settle(permissions, CATALOG, tagged=lambda *place: place in tags))


def test_tags_are_words_in_comments_of_columns_and_relations() -> None:
    tags = comment_tags(CATALOG, [ANY, relation("enterprise", "payroll", "DELETE")])
    assert tags == {
        ("enterprise", "customers", "email"): frozenset({"pii"}),
        ("enterprise", "payroll", "id"): frozenset({"secret"}),
    }


def test_any_column_becomes_the_first_untagged_one() -> None:
    assert settled(ANY) == {column("enterprise", "customers", "id", "SELECT")}


def test_any_column_is_met_by_what_is_needed_anyway() -> None:
    email = column("enterprise", "customers", "email", "SELECT")
    whole = relation("enterprise", "customers", "SELECT")
    assert settled(ANY, email) == {email}
    assert settled(ANY, whole) == {whole}


def test_another_privilege_or_relation_does_not_meet_it() -> None:
    update = column("enterprise", "customers", "note", "UPDATE")
    assert settled(ANY, update) == {update, column("enterprise", "customers", "id", "SELECT")}


def test_where_all_are_tagged_the_first_is_taken_and_where_there_is_none_nothing_is_invented() -> None:
    assert settled(any_column("enterprise", "payroll", "SELECT")) == {column("enterprise", "payroll", "id", "SELECT")}
    empty = any_column("enterprise", "nothing", "SELECT")
    assert settled(empty) == {empty}


def test_routing_is_told_columns_and_whose_defaults_draw_from_a_sequence() -> None:
    told = facts(CATALOG, [relation("enterprise", "orders", "INSERT"), relation("enterprise", "gone", "SELECT")])
    assert told.columns == {("enterprise", "orders"): ("id", "note")}
    assert told.sequence_owners == {("enterprise", "orders_id_seq"): (("enterprise", "orders"),)}
    assert told.tags == {}
