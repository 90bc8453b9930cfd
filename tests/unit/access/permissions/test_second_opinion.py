"""sqlglot beside PostgreSQL's own parser."""

import subprocess
import sys

import pytest

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import read
from p0_access.permissions.reading import StatementReading
from p0_access.permissions.second_opinion import format_sql, second_opinion


@pytest.mark.parametrize(
    "text",
    [
        "select name from hr.person where id in (select head from hr.depts)",
        "with person as (select 1 as id) select id from person",
        "insert into hr.person select id, name from hr.employees",
        "select relname from pg_class",
        'select "select" from hr."Weird Table"',
        "select * from util.tab(3)",
        "create table x (a int)",
    ],
)
def test_agreement_is_silent(text: str, shop_catalog: Catalog) -> None:
    for statement in read(text, shop_catalog):
        assert not isinstance(statement, StatementReading) or second_opinion(statement) == ()


def test_a_table_that_the_reading_does_not_charge_is_reported(shop_catalog: Catalog) -> None:
    (reading,) = read("with x as (select name from hr.person) select 1", shop_catalog)
    assert isinstance(reading, StatementReading)
    (warning,) = second_opinion(reading)
    assert warning.code == "second_opinion"
    assert "person" in warning.message


def test_formatting_keeps_the_meaning() -> None:
    assert format_sql("select a,b from t where x=1") == "SELECT\n  a,\n  b\nFROM t\nWHERE\n  x = 1"


@pytest.mark.parametrize(
    "text",
    [
        "select @balance from x",
        "select date_trunc(unit, ts) from t",
        'select "Now"() from t',
        "select nvl(a, b) from t",
        "selct 1",
        "select :x",
        "",
    ],
)
def test_what_sqlglot_would_change_is_left_alone(text: str) -> None:
    assert format_sql(text) == text


def test_sqlglot_is_imported_only_when_used() -> None:
    program = (
        "import sys; import p0_access.permissions.second_opinion, p0_access.permissions.infer;"
        " sys.exit('sqlglot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
