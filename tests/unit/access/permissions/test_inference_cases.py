"""Every case, statement by statement. That PostgreSQL agrees is proven in the integration tests."""

import pytest

from fix_inference import SOMETIMES, Case, cases, described
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.infer import read
from p0_access.permissions.permission import connect
from p0_access.permissions.reading import StatementReading, needed

ALL = cases("select", "writing", "views_and_functions", "operators", "utility", "session", "refused")


def test_there_are_enough_cases() -> None:
    assert len(ALL) > 300


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.theme}: {case.sql[:60]}")
def test_case(case: Case, shop_catalog: Catalog) -> None:
    expected = [line.removesuffix(SOMETIMES).strip() for line in case.expected]
    assert described(read(case.sql, shop_catalog)) == expected


@pytest.mark.parametrize("case", [case for case in ALL if case.understood], ids=lambda case: case.sql[:60])
def test_every_need_says_why_within_the_text(case: Case, shop_catalog: Catalog) -> None:
    reading = read(case.sql, shop_catalog)
    lines = case.sql.split("\n")
    for statement in reading:
        assert isinstance(statement, StatementReading)
        assert connect("mydb") in statement.permissions
        for need in statement.needs:
            assert need.why
            for why in need.why:
                assert 1 <= why.line <= len(lines)
                assert 1 <= why.column <= len(lines[why.line - 1]) + 1
        assert set(statement.permissions) <= set(needed(reading))
