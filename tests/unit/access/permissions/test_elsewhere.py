"""Who writes another database's SQL is told PostgreSQL's."""

from __future__ import annotations

import pytest

from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.infer import read
from p0_access.permissions.reading import Refused, StatementReading

CATALOG = Catalog(
    database="shop",
    version="1",
    server_version=18,
    schemas=("public",),
    relations=(
        Relation(schema="public", name="orders", kind="table", columns=(Column(name="id", type="integer"),)),
        Relation(schema="public", name="dual", kind="table", columns=(Column(name="rownum", type="integer"),)),
    ),
)
BARE = Catalog(database="shop", version="1", server_version=18, schemas=("public",), relations=CATALOG.relations[:1])


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("kill 5", "syntax_error", "pg_signal_backend"),
        ("select `id` from orders", "syntax_error", '"name"'),
        ("select [id] from orders", "syntax_error", '"name"'),
        ("select top 5 id from orders", "syntax_error", "LIMIT count"),
        ("select id from orders limit 5, 10", "syntax_error", "LIMIT count"),
        ("replace into orders values (1)", "syntax_error", "ON CONFLICT"),
        ("insert ignore into orders values (1)", "syntax_error", "ON CONFLICT"),
        ("exec work 1", "syntax_error", "CALL"),
        ("select id into @x from orders", "syntax_error", "variables"),
        ("show tables", "unknown_setting", "\\dt"),
        ("SHOW Databases", "unknown_setting", "\\l"),
        ("select ifnull(id, 0) from orders", "unknown_function", "coalesce"),
        ("select group_concat(id) from orders", "unknown_function", "string_agg"),
        ("select id from orders where id == 1", "unknown_operator", "that is =."),
        ("select rownum from orders", "unknown_column", "row_number()"),
        ("select 1 from dual", "unknown_table", "no FROM"),
    ],
)
def test_it_says_how_postgresql_does(text: str, code: str, told: str) -> None:
    (refused,) = read(text, BARE)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert told in (refused.hint or "")


@pytest.mark.parametrize(
    "text", ["select rownum from dual", "show timezone", "show my.tables", "select id as go from orders"]
)
def test_what_is_there_is_read(text: str) -> None:
    assert isinstance(read(text, CATALOG)[0], StatementReading)
