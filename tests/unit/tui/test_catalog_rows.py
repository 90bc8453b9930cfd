"""Which rows of the catalog are shown."""

from __future__ import annotations

from fix_tui import CATALOG
from p0_access.permissions.catalog import Catalog, Relation
from p0_tui.catalog_rows import CatalogRows, Row


def shown(rows: CatalogRows) -> list[str]:
    def name(row: Row) -> str:
        match row:
            case Row(column=column) if column is not None:
                return f"   {column.name}"
            case Row(kind="relation"):
                return f"  {rows.relation(row).name}"
            case Row(kind="function"):
                return f"  {rows.function(row).name}()"
            case Row(schema=schema) if schema is not None:
                return f" {schema}"
            case _:
                return row.database

    return [name(row) for row in rows.rows]


def made() -> CatalogRows:
    rows = CatalogRows()
    rows.show_databases(["mydatabase", "other"])
    rows.show_catalog(CATALOG)
    return rows


def find(rows: CatalogRows, name: str) -> Row:
    return next(row for row, text in zip(rows.rows, shown(rows), strict=True) if text.strip() == name)


def test_a_small_catalog_opens_down_to_its_tables_and_functions() -> None:
    assert shown(made()) == [
        "mydatabase",
        " enterprise",
        "  customers",
        "  markets",
        "  orders",
        "  rate()",
        " ledger",
        "  entries",
        "other",
    ]


def test_columns_come_when_a_table_is_opened() -> None:
    rows = made()
    rows.toggle(find(rows, "markets"))
    assert shown(rows)[2:8] == ["  customers", "  markets", "   id", "   code", "   name", "   region"]
    assert rows.rows[rows.parent(4)] == find(rows, "markets")
    rows.toggle(find(rows, "markets"))
    assert "   id" not in shown(rows)


def test_a_filter_keeps_what_holds_every_word_and_opens_its_schema() -> None:
    rows = made()
    rows.set_open(find(rows, "enterprise"), opened=False)
    rows.filter("ENTER ord")
    assert shown(rows) == ["mydatabase", " enterprise", "  orders", "other"]
    assert (rows.matched, rows.total) == (1, 5)
    rows.filter("")
    assert rows.matched == 5


def test_sequences_are_no_tables() -> None:
    rows = CatalogRows()
    rows.show_catalog(
        Catalog(
            database="d",
            version="1",
            server_version=18,
            schemas=("s",),
            relations=(Relation(schema="s", name="q", kind="sequence"), Relation(schema="s", name="t", kind="table")),
        )
    )
    assert shown(rows) == ["d", " s", "  t"]


def test_a_large_catalog_stays_closed_until_it_is_opened_or_filtered() -> None:
    relations = tuple(Relation(schema="s", name=f"t{number:05}", kind="table") for number in range(20_000))
    rows = CatalogRows()
    rows.show_catalog(Catalog(database="d", version="1", server_version=18, schemas=("s",), relations=relations))
    assert shown(rows) == ["d", " s"]
    rows.filter("t1999")
    assert rows.matched == 10
    rows.filter("")
    rows.toggle(find(rows, "s"))
    assert len(rows.rows) == 20_002
