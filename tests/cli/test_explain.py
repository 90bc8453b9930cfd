"""`p0 explain` alone, without a server: over a catalog in a file, and over a database of one's own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fix_inference import CASES
from p0_demo.postgres import EmbeddedPostgres
from p0_launcher.main import _main

CATALOG = str(CASES / "catalog.json")
CONTRACT = {"kind", "schema", "object", "column", "privilege", "why"}


def explain(
    capsys: pytest.CaptureFixture[str], *arguments: str, over: tuple[str, str] = ("--catalog", CATALOG)
) -> tuple[int, str, str]:
    status = _main(["explain", *over, *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def needs(explained: dict[str, Any]) -> set[tuple[str | None, ...]]:
    """Without CONNECT, which every statement needs."""
    members = ("kind", "schema", "object", "column", "privilege")
    return {tuple(need[name] for name in members) for need in explained["needs"] if need["privilege"] != "CONNECT"}


def test_each_statement_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select name from hr.person;\ndo $$ begin end $$; selct 1;\ndelete from hr.person"
    status, out, err = explain(capsys, "-o", "json", "-c", sql)
    first, opaque, wrong, last = objects(out)
    assert status == 65
    said = "p0: line 2, column 1: what DO runs is known only when it runs (the first of 2 that are not understood)"
    assert err.splitlines()[0] == said
    assert (first["index"], first["ok"], first["statement"]) == (0, True, "select name from hr.person")
    assert all(need.keys() == CONTRACT for need in first["needs"])
    assert needs(first) == {("column", "hr", "person", "name", "SELECT"), ("schema", None, "hr", None, "USAGE")}
    assert (opaque["index"], opaque["ok"], opaque["error"]["code"]) == (1, False, "opaque_statement")
    assert (wrong["error"]["code"], wrong["error"]["line"], wrong["error"]["column"]) == ("syntax_error", 2, 21)
    assert (last["index"], ("relation", "hr", "person", None, "DELETE") in needs(last)) == (3, True)


def test_lines_of_json_are_sessions_of_their_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = (
        json.dumps({"id": 7, "sql": "select name from person; select 1", "search_path": ["hr"]}),
        "no JSON",
        json.dumps({"id": "x", "sql": "prepare p as select 1"}),
        json.dumps({"sql": "execute p"}),
        "",
        json.dumps({"id": [1], "sql": "select name from person"}),
    )
    path = tmp_path / "statements.jsonl"
    path.write_text("\n".join(lines))
    status, out, _ = explain(capsys, "-i", "jsonl", "-o", "json", "-f", str(path))
    found = objects(out)
    assert status == 65
    assert [(each.get("id"), each["index"], each["ok"]) for each in found] == [
        (7, 0, True), (7, 1, True), (None, 0, False), ("x", 0, True), (None, 0, False), ([1], 0, False),
    ]  # fmt: skip
    assert [each["error"]["code"] for each in found if not each["ok"]] == [
        "malformed_line", "unknown_prepared_statement", "unknown_table",
    ]  # fmt: skip
    assert "id" not in found[4]
    assert explain(capsys, "-i", "jsonl", "-o", "json", "--search-path", "hr", "-c", lines[-1])[0] == 0


def test_a_script_of_grants(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select name from hr.person; vacuum; select id from hr.person"
    status, out, _ = explain(capsys, "-o", "sql", "--grantee", "ci", "-c", sql)
    assert status == 65
    refused, *script = out.splitlines()
    place = "line 1, column 29"
    assert refused.startswith(f"-- {place}: not understood (unsupported_statement): VACUUM without a table's name")
    assert script == [
        'GRANT CONNECT ON DATABASE "mydb" TO "ci";',
        'GRANT USAGE ON SCHEMA "hr" TO "ci";',
        'GRANT SELECT ("id", "name") ON TABLE "hr"."person" TO "ci";',
    ]


def test_files_are_one_session_and_may_be_long(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    long, next_ = tmp_path / "long.sql", tmp_path / "next.sql"
    long.write_text("create temp table seen as select name from hr.person;\n" + "select name from seen;\n" * 2_000)
    next_.write_text("select nam from seen")
    status, out, err = explain(capsys, "-o", "json", "-f", str(long), "-f", str(next_))
    found = objects(out)
    assert (status, err.splitlines()[0]) == (65, f'p0: {next_}:1:8: column "nam" does not exist')
    assert (found[0]["file"], found[-1]["file"]) == (str(long), str(next_))
    assert [each["index"] for each in found] == list(range(2_002))
    assert all(each["ok"] for each in found[:-1])
    assert {need["privilege"] for need in found[0]["needs"]} == {"CONNECT", "SELECT", "TEMPORARY", "USAGE"}
    assert found[2_000]["needs"][0]["why"] == [{"clause": "statement", "line": 2_001, "column": 1}]


def test_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By name, and in the order of the command line; what is no SQL file is left out."""
    for name, sql in (("2.sql", "select id from hr.person"), ("1.sql", "select name from hr.person;"), ("x", "no")):
        (tmp_path / name).write_text(sql)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "3.sql").write_text("\n\nselect nosuch from hr.person")
    status, out, err = explain(capsys, str(tmp_path), "-c", "select 1")
    shown = [line for line in out.splitlines() if not line.startswith(" ")]
    assert shown == [
        "1. select 1",
        f"{tmp_path}/1.sql:",
        "2. select name from hr.person",
        f"{tmp_path}/2.sql:",
        "3. select id from hr.person",
        f"{tmp_path}/later/3.sql:",
        "4. select nosuch from hr.person",
    ]
    assert (status, err.splitlines()[0]) == (65, f'p0: {tmp_path}/later/3.sql:3:8: column "nosuch" does not exist')


def test_answers_come_before_the_input_ends() -> None:
    """Both ends of the pipe stay open meanwhile."""
    arguments = [sys.executable, "-m", "p0_launcher", "explain", "--catalog", CATALOG, "-i", "jsonl", "-o", "json"]
    with subprocess.Popen([*arguments, "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for number in range(3):
            running.stdin.write(json.dumps({"id": number, "sql": "select 1"}).encode() + b"\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["id"] == number
        running.stdin.close()
        assert running.wait(30) == 0


def test_the_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, "select 'é' from hr.person".encode())
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        status, out, _ = explain(capsys, "-o", "table", "-f", "-")
    assert status == 0
    assert "SELECT (any column) on hr.person" in out


def test_what_is_piped_needs_no_option(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"select name from hr.person")
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        status, out, _ = explain(capsys, "-o", "json")
    (found,) = objects(out)
    assert (status, found["statement"], "file" in found) == (0, "select name from hr.person", False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dsn", "dbname=x", "-c", "select 1"), "--dsn or --catalog"),
        (("-c", "select 1", "-o", "xml"), "-o is table"),
        ((), "which SQL?"),
        (("-f", "/nowhere/x.sql"), "cannot read /nowhere/x.sql"),
        (("/nowhere/x.sql",), "cannot read /nowhere/x.sql"),
        ((str(Path(__file__).parent / "transcripts"),), "ends in .sql"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    status, out, err = explain(capsys, *arguments)
    assert (status, out) == (64, "")
    assert said in err


@pytest.fixture
def over_database(postgres: EmbeddedPostgres, shop_database: str) -> tuple[str, str]:
    return "--dsn", make_conninfo(**{name: str(value) for name, value in postgres.superuser(shop_database).items()})


def test_both_readings_of_a_database(capsys: pytest.CaptureFixture[str], over_database: tuple[str, str]) -> None:
    sql = (
        "select p.name from hr.person p; select nosuch from hr.person;"
        "create temp table seen as select name from hr.person; insert into seen select name from hr.worker;"
        "select * from shop.private"
    )
    status, out, _ = explain(capsys, "-o", "json", "-c", sql, over=over_database)
    plain, wrong, made, used, sealed = objects(out)
    assert status == 65
    assert needs(plain) == {("column", "hr", "person", "name", "SELECT"), ("schema", None, "hr", None, "USAGE")}
    assert wrong["error"]["code"] == "unknown_column"
    assert (made["ok"], made["warnings"], used["warnings"]) == (True, [], [])
    assert needs(used) == {("column", "hr", "worker", "name", "SELECT"), ("schema", None, "hr", None, "USAGE")}
    assert sealed["ok"]
    static = explain(capsys, "-o", "json", "--static", "-c", sql, over=over_database)[1]
    assert objects(static)[4]["needs"] == sealed["needs"], "policies count, although a superuser passes them"


def test_the_grants_run_as_printed_and_are_enough(
    capsys: pytest.CaptureFixture[str], over_database: tuple[str, str]
) -> None:
    statements = (
        "select count(*) from public.users",
        "insert into shop.customers (name) values ('Ann') returning id",
        "update hr.depts set head = 1 where dept in (select dept from hr.employees)",
        'select "select" from hr."Weird Table" where util.secret("Id") > 0',
        "select held + held from shop.purses",
        "truncate shop.chain_a",
    )
    asked = ("-o", "sql", "--grantee", "explained_ci", "-c", "; ".join(statements))
    status, script, err = explain(capsys, *asked, over=over_database)
    assert (status, err) == (0, "")
    with psycopg.connect(over_database[1]) as connection:
        connection.execute("CREATE ROLE explained_ci")
        connection.execute(script.encode())
        connection.execute("SET LOCAL ROLE explained_ci")
        for statement in statements:
            connection.execute(statement.encode())
        connection.rollback()


def test_a_catalog_for_later(
    capsys: pytest.CaptureFixture[str], over_database: tuple[str, str], tmp_path: Path
) -> None:
    assert _main(["ls", *over_database, "--json"]) == 0
    saved = tmp_path / "catalog.json"
    saved.write_text(capsys.readouterr().out)
    sql = "insert into shop.notes (about, note) values (1, 'x')"
    (offline,) = objects(explain(capsys, "-o", "json", "-c", sql, over=("--catalog", str(saved)))[1])
    (online,) = objects(explain(capsys, "-o", "json", "-c", sql, over=over_database)[1])
    assert offline["needs"] == online["needs"]
    assert _main(["ls", *over_database, "hr.person"]) == 0
    assert "name" in capsys.readouterr().out


def test_nothing_is_left_in_the_database(capsys: pytest.CaptureFixture[str], over_database: tuple[str, str]) -> None:
    sql = (
        "create temp table t as select 1 as a; insert into hr.person values (99, 'x'); select * from t;"
        "select nextval('shop.customers_id_seq')"
    )
    status, _, err = explain(capsys, "-o", "json", "-c", sql, over=over_database)
    assert (status, err) == (0, "")
    with psycopg.connect(over_database[1]) as connection:
        assert connection.execute("select count(*) from hr.person where id = 99").fetchone() == (0,)
        last = connection.execute("select last_value from shop.customers_id_seq").fetchone()
    explain(capsys, "-c", sql, over=over_database)
    with psycopg.connect(over_database[1]) as connection:
        assert connection.execute("select last_value from shop.customers_id_seq").fetchone() == last


def test_the_connection_s_search_path(capsys: pytest.CaptureFixture[str], over_database: tuple[str, str]) -> None:
    own = make_conninfo(over_database[1], options="-c search_path=hr")
    assert explain(capsys, "-c", "select name from person", over=("--dsn", own))[0] == 0
    assert explain(capsys, "--search-path", "shop", "-c", "select name from person", over=("--dsn", own))[0] == 65


def test_a_login_that_may_not_look_into_a_schema(
    capsys: pytest.CaptureFixture[str], over_database: tuple[str, str]
) -> None:
    """PostgreSQL does not read it then, and what is said says so."""
    with psycopg.connect(over_database[1], autocommit=True) as connection:
        connection.execute("CREATE ROLE explains_nothing LOGIN PASSWORD 'x'")
    try:
        own = make_conninfo(over_database[1], user="explains_nothing", password="x")
        status, out, _ = explain(capsys, "-o", "json", "-c", "select name from hr.person", over=("--dsn", own))
    finally:
        with psycopg.connect(over_database[1], autocommit=True) as connection:
            connection.execute("DROP ROLE explains_nothing")
    (only,) = objects(out)
    assert status == 0
    assert needs(only) == {("column", "hr", "person", "name", "SELECT"), ("schema", None, "hr", None, "USAGE")}
    assert [each["code"] for each in only["warnings"]] == ["static_only"]


def test_a_database_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    dsn = "host=/nowhere password=hush"
    status, out, err = explain(capsys, "-c", "select 1", over=("--dsn", dsn))
    assert (status, out) == (69, "")
    assert "the database does not answer" in err
    assert "/nowhere/" in err
    assert "hush" not in err


def test_what_is_no_dsn(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = explain(capsys, "-c", "select 1", over=("--dsn", "host=127.0.0.1 hush"))
    assert (status, out) == (64, "")
    assert "the DSN is not one that libpq understands" in err
    assert "hush" not in err


def test_a_dsn_whose_password_has_an_at_sign_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = explain(capsys, "-c", "select 1", over=("--dsn", "postgresql://ada:pass@hush@127.0.0.1/x"))
    assert status == 69
    assert "hush" not in err
