"""Reading as a whole: numbering, refusals of whole texts, names looked up along a search path, speed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fix_inference import cases
from p0_access.permissions.catalog import Catalog, Column, Function, Relation, Trigger
from p0_access.permissions.infer import read
from p0_access.permissions.permission import Kind
from p0_access.permissions.reading import Reading, Refused, StatementReading

LONG = "n" * 70


def table(schema: str, name: str, *columns: str) -> Relation:
    return Relation(
        schema=schema, name=name, kind="table", columns=tuple(Column(name=each, type="integer") for each in columns)
    )


def sample(*relations: Relation, functions: tuple[Function, ...] = ()) -> Catalog:
    return Catalog(
        database="db", version="1", server_version=18, schemas=("a", "b"), relations=relations, functions=functions
    )


TWO = sample(
    table("a", "t", "x"),
    table("b", "t", "y"),
    table("b", "u", "z"),
    table("a", "Mixed", "Col"),
    table("a", LONG[:63], "x"),
    table("a", "pg_class", "x"),
)


def objects(reading: Reading) -> list[str]:
    (statement,) = reading
    if isinstance(statement, Refused):
        return [statement.code]
    return [str(item) for item in statement.permissions if item.kind in (Kind.COLUMN, Kind.SCHEMA)]


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("select * from t", ("a", "b"), ["SELECT (x) on a.t", "USAGE on schema a"]),
        ("select * from t", ("b", "a"), ["SELECT (y) on b.t", "USAGE on schema b"]),
        ("select * from u", ("a", "b"), ["SELECT (z) on b.u", "USAGE on schema b"]),
        ("select * from u", ("a",), ["unknown_table"]),
        ("select * from u", (), ["unknown_table"]),
        ("select * from db.b.u", (), ["SELECT (z) on b.u", "USAGE on schema b"]),
        ("select db.b.u.z from b.u", (), ["SELECT (z) on b.u", "USAGE on schema b"]),
        ("select relname from pg_class", ("a",), []),
        ("select x from pg_class", ("a", "pg_catalog"), ["SELECT (x) on a.pg_class", "USAGE on schema a"]),
        ('select "Col" from "Mixed"', ("a",), ["SELECT (Col) on a.Mixed", "USAGE on schema a"]),
        ("select Col from Mixed", ("a",), ["unknown_table"]),
        ("SELECT X FROM A.T", (), ["SELECT (x) on a.t", "USAGE on schema a"]),
        ('select U&"\\0078" from a.t', (), ["SELECT (x) on a.t", "USAGE on schema a"]),
        (f"select x from {LONG}", ("a",), [f"SELECT (x) on a.{LONG[:63]}", "USAGE on schema a"]),
        ("select a.t.x from b.t", (), ["unknown_table"]),
        ("select t.x from a.t as other", (), ["unknown_table"]),
    ],
)
def test_names_along_the_search_path(text: str, path: tuple[str, ...], expected: list[str]) -> None:
    assert objects(read(text, TWO, search_path=path)) == expected


def test_statements_are_numbered_on_and_keep_their_text(shop_catalog: Catalog) -> None:
    first, second = read("  select 1 ;\n-- two\nselect name from hr.person -- x\n", shop_catalog, index_from=5)
    assert (first.index, first.text) == (5, "select 1")
    assert (second.index, second.text) == (6, "select name from hr.person -- x")


@pytest.mark.parametrize("text", ["", ";;", "-- nothing\n"])
def test_nothing_is_nothing(text: str, shop_catalog: Catalog) -> None:
    assert read(text, shop_catalog) == ()


def test_a_statement_that_does_not_parse_is_refused_by_itself(shop_catalog: Catalog) -> None:
    first, refused, last = read("select 1;\n selct 2; select nam\nfrom hr.person", shop_catalog, index_from=3)
    assert isinstance(first, StatementReading)
    assert first.index == 3
    assert isinstance(refused, Refused)
    assert (refused.index, refused.code, refused.line, refused.column) == (4, "syntax_error", 2, 2)
    assert isinstance(last, Refused)
    assert (last.index, last.code, last.line, last.column) == (5, "unknown_column", 2, 18)
    error = refused.error()
    assert (error.code, error.line, error.column) == ("syntax_error", 2, 2)


def test_places_count_characters_after_other_alphabets(shop_catalog: Catalog) -> None:
    (refused,) = read("select 'árvíztűrő 😀', nam from hr.person", shop_catalog)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.line, refused.column) == ("unknown_column", 1, 23)
    assert refused.hint == "Did you mean name?"


def test_unknown_tables_suggest_qualified_names(shop_catalog: Catalog) -> None:
    (refused,) = read("select * from shop.costumers", shop_catalog)
    assert isinstance(refused, Refused)
    assert refused.hint == "Did you mean shop.customers?"


def test_a_users_function_hides_behind_pg_catalogs() -> None:
    own = Function(schema="a", name="lower", arguments="text", returns="text", types=("text",), body="SELECT $1")
    catalog = sample(table("a", "t", "x"), functions=(own,))
    assert objects(read("select lower($1)", catalog, search_path=("a",))) == ["ambiguous_function"]
    assert objects(read("select a.lower('x')", catalog, search_path=("a",))) == ["USAGE on schema a"]
    assert objects(read("select lower('x')", catalog, search_path=("b",))) == []


@pytest.mark.parametrize(
    "text",
    [
        "select " + "(" * 400 + "1",
        "select " + "+".join("1" * 1_500),
        "select * from " + " join ".join(["hr.person p on true"] * 600),
        "select exists(" * 200 + "select 1" + ")" * 200,
    ],
    ids=["brackets", "operators", "joins", "sub-queries"],
)
def test_hostile_text_is_refused(text: str, shop_catalog: Catalog) -> None:
    (refused,) = read(text, shop_catalog)
    assert isinstance(refused, Refused)
    assert refused.code in {"too_complex", "syntax_error"}


def test_wide_statements_are_read(shop_catalog: Catalog) -> None:
    columns = ", ".join(["name"] * 1_664)
    union = " union all ".join(["select name from hr.person"] * 300)
    for text in (f"select {columns} from hr.person", union):
        (reading,) = read(text, shop_catalog)
        assert isinstance(reading, StatementReading)
        assert len(reading.needs) == 3


def test_triggers_in_c_that_do_what_their_arguments_say_are_refused() -> None:
    names = ("autoinc", "moddatetime")
    functions = tuple(
        Function(schema="a", name=each, arguments="", returns="trigger", language="c", types=()) for each in names
    )
    tables = (
        msgspec.structs.replace(
            table("a", f"of_{each}", "x"),
            triggers=True,
            fires=(Trigger(name="t", events=("insert",), function=("a", each), before=True),),
        )
        for each in names
    )
    refused, understood = read(
        "insert into of_autoinc values (1); insert into of_moddatetime values (1)",
        sample(*tables, functions=functions),
        search_path=("a",),
    )
    assert isinstance(refused, Refused)
    assert refused.code == "opaque_function"
    assert isinstance(understood, StatementReading)


THEMES = ("select", "writing", "views_and_functions", "operators", "utility", "session", "refused")
TEXTS = [case.sql for case in cases(*THEMES)]


@given(st.sampled_from(TEXTS), st.data())
def test_mangled_text_never_raises(shop_catalog: Catalog, text: str, data: st.DataObject) -> None:
    words = text.split()
    at = data.draw(st.integers(0, len(words) - 1))
    match data.draw(st.sampled_from(["drop", "double", "swap"])):
        case "drop":
            del words[at]
        case "double":
            words.insert(at, words[at])
        case _:
            words[at], words[-1] = words[-1], words[at]
    for statement in read(" ".join(words), shop_catalog):
        assert isinstance(statement, StatementReading | Refused)
