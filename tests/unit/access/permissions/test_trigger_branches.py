"""Which branches of a trigger's function run for an event."""

from __future__ import annotations

import pytest

from p0_access.permissions.infer.branches import chosen, decided


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("TG_OP = 'INSERT'", True),
        ("'DELETE' = tg_op", False),
        ("(tg_op = 'UPDATE' AND NEW.a <> OLD.a)", False),
        ("tg_op <> 'DELETE'", True),
        ("NOT (tg_op IN ('UPDATE', 'DELETE'))", True),
        ("tg_op NOT IN ('INSERT')", False),
        ("tg_op = 'INSERT' OR NEW.a > 1", True),
        ("tg_op = 'UPDATE' OR NEW.a > 1", None),
        ("(tg_op = 'INSERT') AND (NEW.a > 1)", None),
        ("(tg_op = 'DELETE') IS NOT TRUE", None),
        ("(tg_op = 'DELETE') = (1 = 2)", None),
        ("CASE WHEN tg_op = 'DELETE' THEN true END", None),
        ("tg_op = 'DELETE' COLLATE \"C\"", None),
        ("tg_op = upper('insert')", None),
        ("NEW.a BETWEEN 1 AND 2 AND tg_op = 'DELETE'", None),
        ("NEW.kind = 'INSERT'", None),
    ],
)
def test_conditions(condition: str, holds: bool | None) -> None:
    assert decided(condition, "insert") is holds
    assert decided(condition, None) is None


def test_cases() -> None:
    assert chosen("TG_OP", "'INSERT', 'UPDATE'", "update") is True
    assert chosen("TG_OP", "'INSERT'", "update") is False
    assert chosen("TG_OP", "NEW.kind", "update") is None
    assert chosen("NEW.kind", "'INSERT'", "update") is None
