"""What a text makes itself: whose it is, what it takes, and what names mean then."""

from __future__ import annotations

import msgspec
import pytest

from fix_inference import described
from p0_access.permissions.catalog import Catalog, Type
from p0_access.permissions.infer import TextReader, read
from p0_access.permissions.reading import Refused


def lines(sql: str, catalog: Catalog) -> list[str]:
    return [line for line in described(read(sql, catalog, search_path=("hr",))) if line != "writes"]


def test_temporary_tables_are_the_session_s(shop_catalog: Catalog) -> None:
    sql = "create temp table seen (id int, n text, check (id > 0)); insert into seen select id, name from person;"
    used = "update seen set n = 'x'; select * from seen; alter table seen add column z int; select z from pg_temp.seen"
    assert lines(f"{sql}{used}", shop_catalog) == [
        "TEMPORARY on database mydb", "SELECT (id) on hr.person", "SELECT (name) on hr.person", "USAGE on schema hr",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "create temp table t (a int, m hr.mood)",
        "create temp table t (m mood[])",
        "create temp table t as select 'good'::hr.mood as m",
        "select 'good'::mood as m into temp t",
        "create temp view v as select 'good'::mood as m",
    ],
)
def test_columns_of_a_private_type_need_its_use(sql: str, shop_catalog: Catalog) -> None:
    mood = Type(schema="hr", name="mood", kind="enum")
    private = msgspec.structs.replace(mood, public=False)
    public, hidden = (msgspec.structs.replace(shop_catalog, types=(each,)) for each in (mood, private))
    assert set(lines(sql, hidden)) - set(lines(sql, public)) == {"USAGE on type hr.mood"}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("create temp table person as select 1 as a; select a from person", "ambiguous_table"),
        ("create temp table seen as select 1 as a; select b from seen", "unknown_column"),
        ("create temp table seen as select 1 as a; drop table seen; select a from seen", "unknown_table"),
        ("create temp table seen as select 1 as a; discard temp; select a from seen", "unknown_table"),
        ("create temp table seen (id int references person)", "unsupported_statement"),
        ("create temp table seen () inherits (person)", "unsupported_statement"),
        ("create table person as select 1", "duplicate_table"),
        ("create index on person (id)", "unsupported_statement"),
        ("drop table person", "unsupported_statement"),
        ("alter table person add column a int", "unsupported_statement"),
        ("create view v as select 1", "unsupported_statement"),
        ("create materialized view v as select 1", "unsupported_statement"),
    ],
)
def test_what_stays_refused(sql: str, code: str, shop_catalog: Catalog) -> None:
    *_, last = read(sql, shop_catalog, search_path=("hr",))
    assert isinstance(last, Refused)
    assert last.code == code


def test_like_reads_the_whole_table_and_nothing_of_what_is_one_s_own(shop_catalog: Catalog) -> None:
    assert lines("create temp table a (like person); create temp table b (like a)", shop_catalog) == [
        "TEMPORARY on database mydb", "SELECT on hr.person", "USAGE on schema hr", "TEMPORARY on database mydb",
    ]  # fmt: skip


def test_a_view_is_charged_where_it_is_read(shop_catalog: Catalog) -> None:
    made, used = read("create temp view v as select name from hr.person; select count(*) from v", shop_catalog)
    assert described((made,)) == ["TEMPORARY on database mydb", "USAGE on schema hr", "writes"]
    assert described((used,)) == ["SELECT (name) on hr.person"]


def test_texts_of_one_session_know_of_each_other(shop_catalog: Catalog) -> None:
    reader = TextReader(shop_catalog)
    assert described(reader.read("create temp table t as select 1 as a"))[0] == "TEMPORARY on database mydb"
    assert reader.made == {"t"}
    assert described(reader.read("select a from t")) == []
    assert [each.index for each in reader.read("select nosuch; selct; select a from t")] == [2, 3, 4]


def test_what_versions_differ_in(shop_catalog: Catalog) -> None:
    older = msgspec.structs.replace(shop_catalog, server_version=15, version="older")
    assert lines("lock person in row share mode", shop_catalog) == ["INSERT on hr.person", "USAGE on schema hr"]
    assert lines("lock person in row share mode", older) == ["UPDATE on hr.person", "USAGE on schema hr"]
    for sql in ("analyze person", "reindex table person", "cluster person"):
        assert lines(sql, shop_catalog) == ["MAINTAIN on hr.person", "USAGE on schema hr"]
        assert lines(sql, older)[0].startswith("refused: unsupported_statement")
    assert lines("create temp table t (a int); analyze t", older) == ["TEMPORARY on database mydb"]
