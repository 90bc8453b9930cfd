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
        ("select id from orders minus select 1", "syntax_error", "EXCEPT"),
        ("select id from orders with (nolock)", "syntax_error", "waits for nobody"),
        ("select id from orders qualify row_number() over () = 1", "syntax_error", "query around it"),
        ("show create table orders", "syntax_error", "\\d"),
        ("show full tables", "syntax_error", "\\dt"),
        ("show index from orders", "syntax_error", "\\d"),
        ("explain extended select 1", "syntax_error", "VERBOSE"),
        ("select now() - interval 1 day", "syntax_error", "INTERVAL '1 day'"),
        ("select * exclude (id) from orders", "syntax_error", "name those"),
        ("update orders o join dual d on true set id = 1", "syntax_error", "FROM the other"),
        ("delete o from orders o", "syntax_error", "USING"),
        ("insert into orders set id = 1", "syntax_error", "VALUES"),
        ("select id from orders where id rlike '1'", "syntax_error", "~*"),
        ("select !true", "unknown_operator", "NOT"),
        ("call lower('x')", "unknown_function", "SELECT lower"),
        ("reindex index orders_pkey", "unsupported_statement", "REINDEX TABLE"),
    ],
)
def test_it_says_how_postgresql_does(text: str, code: str, told: str) -> None:
    (refused,) = read(text, BARE)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert told in (refused.hint or "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("selct id from orders", "Did you mean SELECT?"),
        ("select id form orders", "Did you mean FROM?"),
        ("select * form orders", "Did you mean FROM?"),
        ("select id from orders whre id = 1", "Did you mean WHERE?"),
        ("select id, from orders", "a comma too many"),
        ("select id from orders where id in ()", "a value at least"),
        ("select id from orders where id = ?", "Write the value"),
        ("select id from orders where id = %s", "Write the value"),
        ("select 'it's' from orders", "'it''s'"),
        ("select 'it from orders", "'it''s'"),
        ('select id from orders where id = "idd"', "A text is written in single quotes. Did you mean id?"),
    ],
)
def test_slips_are_told(text: str, told: str) -> None:
    (refused,) = read(text, BARE)
    assert isinstance(refused, Refused)
    assert told in (refused.hint or "")


@pytest.mark.parametrize(
    "text", ["select rownum from dual", "show timezone", "show my.tables", "select id as go from orders"]
)
def test_what_is_there_is_read(text: str) -> None:
    assert isinstance(read(text, CATALOG)[0], StatementReading)
