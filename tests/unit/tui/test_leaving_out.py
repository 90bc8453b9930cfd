"""Columns taken out of a SELECT list: where that is plain, and why not where it is not."""

from __future__ import annotations

import pytest

from fix_tui import CATALOG
from p0_access.permissions.infer import read
from p0_access.permissions.permission import column
from p0_access.permissions.reading import Reading
from p0_tui.errors import TuiError
from p0_tui.leaving_out import leave_out

EMAIL = column("enterprise", "customers", "email", "SELECT")
PHONE = column("enterprise", "customers", "phone", "SELECT")


def kernel(sql: str) -> Reading:
    return read(sql, CATALOG)


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("select c.email, id from enterprise.customers c", "select id from enterprise.customers c"),
        ("select id, email from enterprise.customers", "select id from enterprise.customers"),
        ("select id, c.email as mail, name from enterprise.customers c", "select id, name from enterprise.customers c"),
        ('select id, email "é" from enterprise.customers', "select id from enterprise.customers"),
        ("select email, id, email from enterprise.customers", "select id from enterprise.customers"),
        (
            "select id /* c, */ , -- which\n email mail -- é\n from enterprise.customers",
            "select id /* c, */  -- é\n from enterprise.customers",
        ),
        (
            "select 'é', email from enterprise.customers; select email, name from enterprise.customers",
            "select 'é' from enterprise.customers; select name from enterprise.customers",
        ),
    ],
)
def test_an_entry_goes_with_its_comma_and_nothing_else(sql: str, left: str) -> None:
    assert leave_out(sql, [EMAIL], kernel) == left


def test_several_columns_go_together() -> None:
    sql = "select email, phone, id, phone p from enterprise.customers"
    assert leave_out(sql, [EMAIL, PHONE], kernel) == "select id from enterprise.customers"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select email from enterprise.customers", "is all that the SELECT list has"),
        ("select * from enterprise.customers", "is not an entry of the SELECT list by itself"),
        ("select lower(email), id from enterprise.customers", "is not an entry of the SELECT list by itself"),
        ("select email is null, id from enterprise.customers", "is not an entry of the SELECT list by itself"),
        ("select distinct email, id from enterprise.customers", "is what DISTINCT compares"),
        ("select email, id from enterprise.customers order by 2", "is counted by a number in GROUP BY or ORDER BY"),
        ("select email, count(*) from enterprise.customers group by 1", "is counted by a number"),
        ("select email, id from enterprise.customers order by email", "would still be needed"),
        ("select id, email from enterprise.customers\n where email = ''", "is also used in line 2 (where)"),
        ("select x.email, x.id from (select email, id from enterprise.customers) x", "is not an entry"),
        ("select name, email from enterprise.customers union select name, code from enterprise.markets", "is not an"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_reason(sql: str, why: str) -> None:
    with pytest.raises(TuiError) as refused:
        leave_out(sql, [EMAIL], kernel)
    assert str(refused.value).startswith(f"customers.email {why}")
    assert refused.value.hint == "Change the SQL yourself: nothing was done"
