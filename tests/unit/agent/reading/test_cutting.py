"""What PostgreSQL is asked about each statement: the query itself, the one inside, or names."""

from __future__ import annotations

import pytest

from p0_agent.reading.cutting import pieces
from p0_agent.reading.piece import Made, MadeColumn, Piece


def only(sql: str) -> Piece:
    *_, found = pieces(sql)
    return found


@pytest.mark.parametrize(
    ("sql", "analysed", "command"),
    [
        ("select 1", "select 1", "SELECT"),
        ("  values (1) ; ", "values (1)", "SELECT"),
        ("table t", "table t", "SELECT"),
        ("with a as (select 1) delete from t", "with a as (select 1) delete from t", "DELETE"),
        ("merge into t using u on true when matched then do nothing", None, "MERGE"),
        ("\\timing\nselect 1 /* ; */", "select 1 /* ; */", "SELECT"),
        ("explain select 1", "select 1", "SELECT"),
        ("explain (costs off, format json) (select 1) union select 2", "(select 1) union select 2", "SELECT"),
        ("explain verbose with a as (select 1) select * from a", "with a as (select 1) select * from a", "SELECT"),
        ("declare select_all cursor with hold for select 'for select 2'", "select 'for select 2'", "SELECT"),
        ("copy (select (1) from t where a in (1, 2)) to stdout", "select (1) from t where a in (1, 2)", "SELECT"),
        ("copy (delete from t returning a) to stdout", "delete from t returning a", "DELETE"),
        ("create temp table x (a) as values (1) with no data", "values (1)", "SELECT"),
        ("create table x as select 1 as data", "select 1 as data", "SELECT"),
        ("explain analyze declare c cursor for select 1", "select 1", "SELECT"),
    ],
)
def test_the_query_is_cut_out(sql: str, analysed: str | None, command: str) -> None:
    found = only(sql)
    assert (found.analysed or "").strip() == (sql if analysed is None else analysed)
    assert found.command == command
    assert not found.opaque


def test_execute_stands_for_what_was_prepared_in_the_same_text() -> None:
    prepare, execute, explained = pieces(
        "prepare p (numeric(10, 2), s.t[]) as select $1; execute p (f(1), null); explain execute p (1, null)"
    )
    assert prepare == Piece()
    assert (execute.analysed, execute.types) == ("select $1", ("numeric(10, 2)", "s.t[]"))
    assert "f(1)" in execute.beside
    assert execute.runs
    assert (explained.analysed, explained.runs) == ("select $1", False)
    assert only("execute p (1)").opaque


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ("", False),
        ("verbose", False),
        ("analyze", True),
        ("(analyze)", True),
        ("(analyze on)", True),
        ("(analyze false)", False),
        ("(analyze 0, costs off)", False),
        ("(analyze maybe)", True),
    ],
)
def test_whether_explain_runs_its_query(options: str, runs: bool) -> None:
    assert only(f"explain {options} select nextval('s')").runs is runs


def test_utility_statements_name_what_they_act_on() -> None:
    assert only("truncate a, s.b cascade").relations == ((None, "a"), ("s", "b"))
    assert only('lock table only "A b" in share mode').relations == ((None, "A b"),)
    assert only("copy s.t (a) from stdin").relations == (("s", "t"),)
    assert only("call s.f(1)").routines == (("s", "f"),)
    for nothing in ("begin", "set work_mem = 1", "show all", "listen x"):
        assert only(nothing) == Piece()


def test_select_into_is_read_without_into() -> None:
    assert only("select 1 into x").analysed == "select 1  "
    found = only("select a, 'into z' into temp table u from t where a > 1")
    assert found.analysed == "select a, 'into z'   from t where a > 1"
    assert found.makes == Made(name="u")
    assert only("select 1 into temp v union select 2").makes == Made(name="v")


def test_temporary_tables_are_known_by_their_columns() -> None:
    assert only("create temp table t as select 1 with no data").makes == Made(name="t")
    assert only("create table t as select 1").makes is None
    id_, note = MadeColumn(name="id", type=("int4",)), MadeColumn(name="n", type=("s", "d"), array=True)
    assert only("create temp table t (id serial primary key, n s.d[])").makes == Made(name="t", columns=(id_, note))
    assert only("create temp table t (like u)").makes is None
    assert only("drop table a, pg_temp.b").drops == ("a", "b")


@pytest.mark.parametrize("sql", ["create table x as execute p (1)", "explain execute p"])
def test_a_query_that_cannot_be_cut_out_is_opaque(sql: str) -> None:
    assert only(sql).opaque


@pytest.mark.parametrize("sql", ["selec 1", "(" * 1000, "\0"])
def test_what_is_no_sql_has_no_pieces(sql: str) -> None:
    assert pieces(sql) == ()
