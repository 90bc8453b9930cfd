"""Readings for programs and people."""

import json

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.explain import quoted, to_comment, to_grants, to_json_lines, to_table
from p0_access.permissions.infer import read
from p0_access.permissions.parse import parse
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.places import Places
from p0_access.permissions.reading import Need, Refused, StatementReading, Why


def test_json_lines(shop_catalog: Catalog) -> None:
    text = "select name from hr.person;\ndo $$ begin end $$"
    first, second = map(json.loads, to_json_lines(read(text, shop_catalog, index_from=3)))
    assert {key: first[key] for key in ("index", "statement", "ok", "warnings", "reached")} == {
        "index": 3,
        "statement": "select name from hr.person",
        "ok": True,
        "warnings": [],
        "reached": [],
    }
    assert {
        "kind": "column",
        "schema": "hr",
        "object": "person",
        "column": "name",
        "privilege": "SELECT",
        "why": [{"clause": "select list", "line": 1, "column": 8}],
    } in first["needs"]
    assert {"kind": "schema", "schema": None, "object": "hr", "column": None, "privilege": "USAGE"}.items() <= next(
        need for need in first["needs"] if need["kind"] == "schema"
    ).items()
    assert second["ok"] is False
    assert second["index"] == 4
    assert second["error"].keys() == {"code", "message", "hint", "line", "column"}
    assert (second["error"]["code"], second["error"]["line"], second["error"]["column"]) == ("opaque_statement", 2, 1)


def test_grants_are_grouped_quoted_and_parse(shop_catalog: Catalog) -> None:
    text = """
        select "select", "ÁÉ" from hr."Weird Table";
        update shop.orders set total = 1, note = 'x' where id = 1;
        delete from hr.worker where job = 'x';
        select count(*) from public.users;
        insert into shop.customers (name) values ('x');
        select util.secret(1);
        vacuum;
    """
    reading = read(text, shop_catalog)
    understood = [each for each in reading if isinstance(each, StatementReading)]
    lines = to_grants((item for each in understood for item in each.permissions), 'an "odd" role')
    assert 'GRANT SELECT ("select", "ÁÉ") ON TABLE "hr"."Weird Table" TO "an ""odd"" role";' in lines
    assert 'GRANT DELETE, SELECT ("job") ON TABLE "hr"."worker" TO "an ""odd"" role";' in lines
    assert 'GRANT SELECT ("id"), UPDATE ("note", "total") ON TABLE "shop"."orders" TO "an ""odd"" role";' in lines
    assert 'GRANT USAGE ON SEQUENCE "shop"."customers_id_seq" TO "an ""odd"" role";' in lines
    assert 'GRANT EXECUTE ON ROUTINE "util"."secret"(integer) TO "an ""odd"" role";' in lines, "procedures, too"
    assert 'GRANT CONNECT ON DATABASE "mydb" TO "an ""odd"" role";' in lines
    assert any(line.startswith("-- choose any one column") and '"public"."users"' in line for line in lines)
    (refused,) = [each for each in reading if isinstance(each, Refused)]
    place = f"{refused.line}:{refused.column}"
    assert to_comment(refused, "a.sql").startswith(f"-- a.sql:{place}: not understood (unsupported_statement)")
    assert to_comment(refused).startswith(f"-- line {refused.line}, column {refused.column}: not understood")
    script = "\n".join(lines)
    assert {each.kind for each in parse(script, Places(script))} == {"GrantStmt"}


def test_a_line_end_in_a_name_cannot_leave_a_comment(shop_catalog: Catalog) -> None:
    (refused,) = read('select * from "x\nDROP TABLE y; --"', shop_catalog)
    assert isinstance(refused, Refused)
    script = to_comment(refused, "x\ny.sql")
    assert parse(script, Places(script)) == ()


def test_the_table_is_plain_text(shop_catalog: Catalog) -> None:
    lines = to_table(read("select name from hr.person;\nselect * from hr.persn", shop_catalog))
    assert lines[0] == "1. select name from hr.person"
    assert any("SELECT (name) on hr.person" in line and "select list (1:8)" in line for line in lines)
    assert any("not understood (unknown_table)" in line for line in lines)
    assert any("Did you mean hr.person" in line for line in lines)


def test_hostile_text_cannot_move_the_cursor() -> None:
    reading = StatementReading(
        index=0,
        text="select '\x1b[2J\u202e'\n",
        command="SELECT",
        writes=False,
        needs=(
            Need(
                permission=Permission(Kind.RELATION, "a\x1b[31m", "b\n", None, "SELECT"),
                why=(Why(clause="from", line=1, column=1),),
            ),
        ),
    )
    assert all(line.isprintable() for line in to_table((reading,)))


def test_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
