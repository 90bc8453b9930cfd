"""Text that names too much at once ends in a clear refusal, quickly, and hurts nothing that is read after it."""

from __future__ import annotations

import sys
import time
from typing import Final

import msgspec
import pytest

from p0_access.permissions.catalog import Catalog, Column, Constraint, Function, Relation, Trigger
from p0_access.permissions.infer import read
from p0_access.permissions.infer.context import MAX_COLUMNS, Effort
from p0_access.permissions.reading import Refused, StatementReading

HANGS: Final = 3.0
"""Seconds of processor time that only something quadratic takes; `make bench` has the real figures."""

WIDTH: Final = 1_600
COLUMNS: Final = tuple(Column(name=f"c{number}", type="text") for number in range(WIDTH))
LISTED: Final = ", ".join(column.name for column in COLUMNS)


def _wide(name: str) -> Relation:
    return Relation(schema="public", name=name, kind="table", columns=COLUMNS)


def _views() -> list[Relation]:
    """Each reads the one before it twice."""
    before = ("w0 a, w1 b", *(f"v{number} a, v{number} b" for number in range(19)))
    return [
        Relation(
            schema="public",
            name=f"v{number}",
            kind="view",
            security_invoker=True,
            columns=COLUMNS[:1],
            definition=f"SELECT a.c0 FROM {tables}",
        )
        for number, tables in enumerate(before)
    ]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    tables = [_wide(f"w{number}") for number in range(60)]
    small = [
        Relation(
            schema="public",
            name=f"t{number}",
            kind="table",
            columns=(COLUMNS[0], Column(name=f"x{number}", type="text")),
        )
        for number in range(3_000)
    ]
    return Catalog(
        database="wide", version="1", server_version=18, schemas=("public",), relations=(*tables, *small, *_views())
    )


def _tables(count: int) -> str:
    return ", ".join(f"t{number}" for number in range(count))


HOSTILE: Final = {
    "stars": "select " + "*, " * 20_000 + "1 from w0",
    "whole rows": "select " + "w, " * 20_000 + "1 from w0 w",
    "rows spelled out": "select " + "row(w.*), " * 6_000 + "1 from w0 w",
    "a star over thousands of wide tables": "select * from " + ", ".join(f"w0 a{number}" for number in range(4_000)),
    "natural joins of wide tables": "select 1 from w0" + "".join(f" natural join w{n}" for n in range(1, 60)),
    "joins one after another": "select * from t0" + "".join(f" join t{n} using (c0)" for n in range(1, 480)),
    "columns of thousands of tables": f"select {', '.join(f'x{n}' for n in range(2_900))} from {_tables(2_900)}",
    "an unknown column of thousands of wide tables": "select x from " + ", ".join(f"w0 a{n}" for n in range(4_000)),
    "unknown tables": "; ".join(f"select 1 from nosuch{number}" for number in range(2_400)),
    "unknown functions": "; ".join(["select nosuch()"] * 3_400),
    "columns that double": "select * from " + "(select x.*, x.* from " * 30 + "t0 x" + ") x" * 30,
    "queries that double": "with q0 as (select * from t0), "
    + ", ".join(f"q{n} as (select a.*, b.* from q{n - 1} a, q{n - 1} b)" for n in range(1, 30))
    + " select * from q29",
    "wide rows, again and again": "; ".join(["table w0"] * 4_000),
    "wide inserts": "; ".join(["insert into w0 (c0) values (null)"] * 1_800),
    "prepared, and executed": "prepare p as select * from w0; " + "execute p; " * 5_000,
    "arms of a wide union": "table w0" + " union table w0" * 498,
    "views of views": "select 1 from " + ", ".join(f"v19 a{number}" for number in range(4_000)),
    "temporary views": "create temp view z0 as select * from w0; "
    + "; ".join(f"create temp view z{n} as select * from z{n - 1}" for n in range(1, 1_000)),
    "locks": f"select 1 from {_tables(1_500)} " + "for update " * 4_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_ends_in_a_refusal(name: str, catalog: Catalog) -> None:
    begin = time.process_time()
    readings = read(HOSTILE[name], msgspec.structs.replace(catalog))
    assert time.process_time() - begin < HANGS
    last = readings[-1]
    assert isinstance(last, Refused)
    assert last.code in {"too_complex", "unknown_column"}


def test_what_was_being_read_is_read_the_next_time(catalog: Catalog) -> None:
    fresh = msgspec.structs.replace(catalog)
    (refused,) = read(f"select {', '.join(['c0'] * 1_600)}, (select 1 from v19) from {_tables(300)}", fresh)
    assert isinstance(refused, Refused)
    (reading,) = read("select c0 from v19", fresh)
    assert isinstance(reading, StatementReading)
    assert {each.object for each in reading.permissions if each.object != "wide"} > {"v19", "v0", "w0", "w1"}


def test_what_people_write_is_read(catalog: Catalog) -> None:
    for text, count in (
        (";\n".join(["insert into t1 (c0, x1) values ('a', 'b')"] * 500), 500),
        (f"select {LISTED} from w0 where c0 in ({', '.join(f'{n:05}' for n in range(5_000))})", 1),
        (f"insert into w0 ({LISTED}) select * from w1", 1),
        ("select * from t0" + "".join(f" join t{n} using (c0)" for n in range(1, 60)), 1),
        (" union all ".join(f"select c0, x{n} from t{n}" for n in range(300)), 1),
        ("insert into t1 (c0, x1) values " + ", ".join(["('some text', 'other text')"] * 2_000), 1),
    ):
        readings = read(text, catalog)
        assert [each for each in readings if isinstance(each, Refused)] == []
        assert len(readings) == count


def test_a_list_has_as_many_columns_as_postgresql_has(catalog: Catalog) -> None:
    for count, understood in ((MAX_COLUMNS, True), (MAX_COLUMNS + 1, False)):
        (reading,) = read(f"select {', '.join(['1'] * count)}", catalog)
        assert isinstance(reading, StatementReading) is understood


def test_with_queries_that_use_each_other_take_as_long_as_those_that_do_not(catalog: Catalog) -> None:
    def seconds(queries: list[str], last: str) -> float:
        text = f"with {', '.join(queries)} select 1 from {last}"
        best = 60.0
        for _ in range(2):
            begin = time.process_time()
            (reading,) = read(text, catalog)
            best = min(best, time.process_time() - begin)
            assert isinstance(reading, StatementReading)
            assert "t0" in {each.object for each in reading.permissions}
        return best

    names = [f"q{n}" for n in range(1_000)]
    alone = seconds([f"{name} as (table t0)" for name in names], names[-1])
    chained = seconds(["q0 as (table t0)", *(f"q{n} as (table q{n - 1})" for n in range(1, 1_000))], names[-1])
    assert chained < 5 * alone


_WRITES: Final = "BEGIN INSERT INTO log VALUES (NEW.a); PERFORM helped(NEW.a); RETURN NEW; END"


def _partitioned(functions: int) -> Catalog:
    """600 partitions with a trigger each, which call one function or several, and a view that they are behind."""
    columns = (Column(name="a", type="integer"),)
    partitions = [
        Relation(
            schema="public",
            name=f"p{number}",
            kind="table",
            columns=columns,
            inherits=(("public", "p"),),
            triggers=True,
            fires=(Trigger(name="t", events=("insert",), function=("public", f"f{number % functions}")),),
        )
        for number in range(600)
    ]
    called = [
        Function(schema="public", name=f"f{n}", arguments="", returns="trigger", language="plpgsql", body=_WRITES)
        for n in range(functions)
    ]
    helper = Function(
        schema="public", name="helped", arguments="integer", returns="bigint", body="SELECT count(*) FROM log"
    )
    return Catalog(
        database="wide",
        version="1",
        server_version=18,
        schemas=("public",),
        relations=(
            Relation(schema="public", name="p", kind="partitioned", columns=columns, fires=()),
            Relation(schema="public", name="log", kind="table", columns=columns),
            *partitions,
        ),
        functions=(*called, helper),
    )


def test_a_trigger_that_all_partitions_have_is_one_body() -> None:
    (reading,) = read("insert into p values (1)", _partitioned(1))
    assert isinstance(reading, StatementReading)
    assert [str(each) for each in reading.permissions if each.privilege == "INSERT"] == [
        "INSERT (a) on public.log",
        "INSERT (a) on public.p",
    ]


@pytest.mark.parametrize("functions", [3, 500])
def test_what_was_read_before_changes_no_answer(functions: int) -> None:
    """Bodies that are known already count as if they were not: cold, warm, and after some of them only."""
    text = "insert into p values (1); select helped(1)"
    catalog = _partitioned(functions)
    cold = read(text, catalog)
    assert read(text, catalog) == cold
    partly = _partitioned(functions)
    read("select helped(1); insert into p5 values (1)", partly)
    assert read(text, partly) == cold


def test_what_was_read_before_saves_no_steps() -> None:
    catalog = _partitioned(40)
    text = "insert into p values (1); " * 8 + "select helped(1)"
    cold, warm = (_steps(text, catalog) for _ in range(2))
    assert cold == warm


def _steps(text: str, catalog: Catalog) -> int:
    """As many as are left when all of the text was read."""
    left: list[Effort] = []

    class Counting(Effort):
        def __init__(self) -> None:
            super().__init__()
            left.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["p0_access.permissions.infer.read"], "Effort", Counting)
        read(text, catalog)
    return left[0].steps


def _diamonds(levels: int) -> Catalog:
    """Two tables a level, each a child of both above it: 2^levels ways lead down."""
    relations = [Relation(schema="public", name="top", kind="table", columns=COLUMNS[:1])]
    above: tuple[tuple[str, str], ...] = (("public", "top"),)
    for level in range(levels):
        names = (f"left{level}", f"right{level}")
        relations += [
            Relation(schema="public", name=each, kind="table", columns=COLUMNS[:1], inherits=above) for each in names
        ]
        above = tuple(("public", each) for each in names)
    return Catalog(database="d", version="1", server_version=18, schemas=("public",), relations=tuple(relations))


@pytest.mark.parametrize("statement", ["delete from top", "update top set c0 = ''", "truncate top cascade"])
def test_tables_that_inherit_by_many_ways_are_looked_at_once(statement: str) -> None:
    begun = time.process_time()
    (reading,) = read(statement, _diamonds(40))
    assert isinstance(reading, StatementReading)
    assert time.process_time() - begun < HANGS


def test_names_full_of_quotes_in_foreign_keys_are_read_at_once() -> None:
    name = "REFERENCES " + '"' * 50
    quoted = '"' + name.replace('"', '""') + '"'
    key = Constraint(
        name="k",
        kind="foreign",
        columns=(name,),
        definition=f"FOREIGN KEY ({quoted}) REFERENCES public.top(c0) ON DELETE CASCADE",
    )
    child = Relation(
        schema="public", name="child", kind="table", columns=(Column(name=name, type="text"),), constraints=(key,)
    )
    catalog = _diamonds(0)
    begun = time.process_time()
    (reading,) = read("delete from top", msgspec.structs.replace(catalog, relations=(*catalog.relations, child)))
    assert time.process_time() - begun < HANGS
    assert isinstance(reading, StatementReading)
    assert [str(each) for each in reading.reached] == ["DELETE on public.child"]
