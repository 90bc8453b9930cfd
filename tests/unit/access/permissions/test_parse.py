"""The parser's door: places in characters, statements as PostgreSQL splits them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0_access.errors import ReadingError
from p0_access.permissions.parse import parse, same_meaning
from p0_access.permissions.places import Places


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("selct 1", 1, 1),
        ("select 1 frm t", 1, 14),
        ("select 'árvíztűrő' frm t", 1, 24),
        ("select 1;\nselect 'é' as ö ö", 2, 17),
        ("select 1;\r\nselect (", 2, 9),
        ("select '😀' frm t", 1, 16),
        ("/* ő */ select from where", 1, 21),
    ],
)
def test_syntax_errors_say_where_in_characters(text: str, line: int, column: int) -> None:
    with pytest.raises(ReadingError) as caught:
        parse(text, Places(text))
    assert caught.value.code == "syntax_error"
    assert (caught.value.line, caught.value.column) == (line, column)


def test_statements_are_split_by_the_parser() -> None:
    text = "select ';' ; /* ; é */ select $$;$$; ;\ncreate function f() returns int begin atomic select 1; end;select 2"
    found = [text[each.start : each.end].strip() for each in parse(text, Places(text))]
    assert [each.split()[0] for each in found] == ["select", "select", "create", "select"]
    assert found[1] == "select $$;$$"
    assert found[2].endswith("end")


@pytest.mark.parametrize("text", ["", "  ", ";;", "-- nothing"])
def test_no_statement_is_no_error(text: str) -> None:
    assert parse(text, Places(text)) == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("select 1", "SELECT\n  1", True),
        ("select 1", "select 2", False),
        ("select 'a'", "select 'b'", False),
        ("select a", "select /* x */ a", True),
        ('select "A"', "select a", False),
        ("select", "selct", False),
    ],
)
def test_same_meaning(one: str, other: str, same: bool) -> None:
    assert same_meaning(one, other) is same


@given(st.text(max_size=60).filter(lambda text: "\0" not in text), st.integers(0, 59))
def test_bytes_and_characters_agree(text: str, at: int) -> None:
    at = min(at, len(text))
    places = Places(text)
    before = text[:at]
    assert places.character(len(before.encode("utf-8", "surrogatepass"))) == at
    line, column = places.line_and_column(at)
    assert line == before.count("\n") + 1
    assert column == at - (before.rfind("\n") + 1) + 1
