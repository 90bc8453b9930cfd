"""Colours by PostgreSQL's scanner, whatever state the text is in."""

from __future__ import annotations

import pytest

from p0_tui.highlight import spans


def coloured(sql: str) -> list[tuple[str, str]]:
    lines = sql.split("\n")
    return [
        (lines[row][span.start : span.end], span.colour) for row, found in sorted(spans(sql).items()) for span in found
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", [("select", "keyword"), ("1", "number")]),
        ("SELECT 'a''b'", [("SELECT", "keyword"), ("'a''b'", "string")]),
        ("select é, $1 -- ü", [("select", "keyword"), ("$1", "parameter"), ("-- ü", "comment")]),
        ("select $q$ a\nb $q$", [("select", "keyword"), ("$q$ a", "string"), ("b $q$", "string")]),
        ("/* a\n\nb */ from", [("/* a", "comment"), ("b */", "comment"), ("from", "keyword")]),
        ("update t set name = 'x'", [("update", "keyword"), ("set", "keyword"), ("'x'", "string")]),
        ("日本 'x' and", [("'x'", "string"), ("and", "keyword")]),
    ],
)
def test_tokens(sql: str, expected: list[tuple[str, str]]) -> None:
    assert coloured(sql) == expected


@pytest.mark.parametrize("open_end", ["'abc", '"abc', "/* abc", "$x$ abc", "e'abc"])
def test_before_an_unfinished_token_all_is_coloured(open_end: str) -> None:
    assert coloured(f"select é, 1 from t where x = {open_end}") == [
        ("select", "keyword"),
        ("1", "number"),
        ("from", "keyword"),
        ("where", "keyword"),
    ]


@pytest.mark.parametrize("sql", ["", "\0select", "select 1" * 20_000, "\ud800"])
def test_what_cannot_be_scanned_stays_plain(sql: str) -> None:
    assert spans(sql) == {}
