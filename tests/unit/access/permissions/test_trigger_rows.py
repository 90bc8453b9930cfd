"""Which columns of NEW a trigger's function may set: those that its text names, and all where it is not plain."""

from __future__ import annotations

import pytest

from p0_access.permissions.infer.trigger_rows import set_in_new


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("BEGIN NEW.a := 1; RETURN NEW; END", {"a"}),
        ('BEGIN NEW /* */ . "B c" := 1; RETURN/**/new; END', {"B c"}),
        ("BEGIN INSERT INTO log VALUES (OLD.a, now()); RETURN coalesce(NEW, OLD); END", set()),
        ("BEGIN IF OLD.a = 1 THEN RETURN OLD; END IF; SELECT 1, OLD.b INTO x; RETURN NULL; END", set()),
        ("BEGIN x := '; NEW := other; RETURN r;'; -- RETURN r;\n RETURN NEW; END", set()),
    ],
)
def test_what_is_named(body: str, named: set[str]) -> None:
    assert set_in_new(body) == frozenset(named)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "BEGIN NEW := r; RETURN NEW; END",
        'BEGIN "new".a := 1; "new" = r; RETURN NEW; END',
        "BEGIN SELECT * INTO NEW FROM t; RETURN NEW; END",
        "DECLARE n ALIAS FOR NEW; BEGIN n.a := 1; RETURN NEW; END",
        "DECLARE o ALIAS FOR OLD; BEGIN o.a := 1; RETURN OLD; END",
        "BEGIN RETURN(r); END",
        "BEGIN RETURN/**/r; END",
        "BEGIN RETURN coalesce(r, OLD); END",
        "BEGIN OLD.a := 1; RETURN OLD; END",
        "BEGIN OLD.a = 1; RETURN OLD; END",
        "BEGIN OLD.a[1] := 1; RETURN OLD; END",
        "BEGIN SELECT 1, 2 INTO x, OLD.a; RETURN OLD; END",
        "BEGIN RETURN 'never ends",
    ],
)
def test_what_may_be_any(body: str | None) -> None:
    assert set_in_new(body) is None


def test_a_very_long_body_may_set_any_column() -> None:
    assert set_in_new("NEW.a := 1;" * 8_000) is None
