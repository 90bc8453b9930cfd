"""Texts cut at the semicolons between their statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0_access.permissions.places import Places
from p0_access.permissions.splitting import split, split_stream


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        (" ; ;\n", []),
        ("select 1; select 2", ["select 1", "select 2"]),
        ("select ';', \";\" , $x$;$x$ /* ; */ -- ;\n; b", ["select ';', \";\" , $x$;$x$ /* ; */ --", "b"]),
        ("select (1; 2); b", ["select (1; 2)", "b"]),
        ("create function f() begin atomic select case when 1 then 2 end; select 1; end; b", None),
        ("\\echo 'a;b'; fine\nselect 1; b", ["\\echo 'a;b'; fine\nselect 1", "b"]),
        ("select 1; select 'never ends; b", ["select 1", "select 'never ends; b"]),
        ("begin; select 1; end; b", ["begin", "select 1", "end", "b"]),
    ],
)
def test_parts(text: str, parts: list[str] | None) -> None:
    found = [each.text for each in split(text)]
    assert found == (parts if parts is not None else [text[: -len("; b")], "b"])


def test_parts_know_where_they_begin() -> None:
    text = "select 1;\n\n  select 2; é; 3"
    assert [(each.line, each.column) for each in split(text)] == [(1, 1), (3, 3), (3, 13), (3, 16)]


_PIECES = st.sampled_from([";", "\n", "select 1", " ", "'a;b'", "(", ")", "--x\n", "é", "$$;$$", "b"])


@given(st.lists(_PIECES, max_size=40).map("".join), st.integers(1, 9))
def test_it_does_not_matter_in_which_chunks_a_text_comes(text: str, size: int) -> None:
    chunks = [text[begin : begin + size] for begin in range(0, len(text), size)]
    assert list(split_stream(iter(chunks))) == list(split(text))


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_every_part_stands_where_it_says(text: str) -> None:
    starts = {Places(text).line_and_column(at): at for at in range(len(text))}
    for part in split(text):
        at = starts[part.line, part.column]
        assert text[at : at + len(part.text)] == part.text
