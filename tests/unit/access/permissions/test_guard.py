"""Hostile text ends in a clear error, quickly; ordinary text passes untouched."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0_access.errors import ReadingError
from p0_access.permissions import guard as guarding
from p0_access.permissions import lexer
from p0_access.permissions.guard import guard
from p0_access.permissions.parse import parse
from p0_access.permissions.places import Places

HANGS = 5.0
"""Seconds of processor time that only something quadratic takes; `make bench` has the real figures."""

HOSTILE = {
    "a megabyte of parentheses": "(" * 1_000_000,
    "64 KB of parentheses": "(" * 65_000,
    "20,000 arms": " union ".join(["select 1"] * 20_000),
    "as many arms as fit": " union ".join(["table a"] * 4_000),
    "a sum": "select " + "+".join("1" * 30_000),
    "a sum below the limit": "select " + "+".join("1" * 1_900),
    "casts": "select 1" + "::int" * 10_000,
    "nots": "select " + "not " * 1_990 + "true",
    "nested cases": "select " + "case when 1 then " * 3_000,
    "nested comments": "/*" * 30_000,
    "comments opened without a space": "/*/" * 20_000,
    "comments in comments, again and again": ("/*" * 31 + "*/" * 31) * 500,
    "signs": "select " + "+" * 60_000 + "1",
    "signs in turn": "select " + "+-" * 30_000 + "1",
    "a long query for 1,600 columns": f"update t set ({', '.join(['c'] * 1600)}) = (select {', '.join(['c'] * 1600)})",
    "a long row for 1,600 columns": f"update t set ({', '.join(['c'] * 1600)}) = row ({', '.join(['c'] * 1600)})",
    "a comment that never ends": "select 1 /* x",
    "quotes": "'" * 65_001,
    "an escaped string that never ends": "select e'" + "\\'" * 20_000,
    "a name that never ends": 'select "a',
    "a dollar quote that never ends": "select $a$ x",
    "joins": "select 1 from a " + "join b on true " * 3_000,
    "NUL": "select 1\0; drop table x",
    "a lone surrogate": "select '\ud800'",
    "nested sub-queries": "select * from (" * 250 + "select 1" + ") x" * 250,
    "nested exists": "select exists(" * 255 + "select 1" + ")" * 255,
}


def read_through(text: str) -> int:
    sql = guard(text)
    return len(parse(sql, Places(sql)))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused(name: str) -> None:
    text = HOSTILE[name]
    begin = time.process_time()
    with pytest.raises(ReadingError) as caught:
        read_through(text)
    assert time.process_time() - begin < HANGS
    assert caught.value.code in {"too_long", "too_complex", "syntax_error"}
    assert caught.value.line >= 1
    assert caught.value.column >= 1


HARD_BUT_FINE = {
    "spaces": " " * 60_000,
    "lines": "select 1" + "\n" * 60_000,
    "comments": "--x\n" * 15_000 + "select 1",
    "conditions": "select " + " and ".join(["1=1"] * 6_000),
    "in list": "select 1 where 1 in (" + ",".join("1" * 20_000) + ")",
    "arms": " union all ".join(["select 1"] * 400),
    "statements": "select 1;" * 7_000,
    "continued strings": "select e'a'" + "\n'a'" * 10_000,
    "a banner": "/" + "*" * 2_000 + "/ select 1 -- " + "=" * 2_000,
    "a few columns from a long query": f"update t set (a, b) = (select {', '.join(['c'] * 20_000)})",
    "many columns, each by itself": f"update t set {', '.join(['c = (c)'] * 1600)}",
    "a long comparison": f"select ({', '.join(['c'] * 400)}) = ({', '.join(['c'] * 400)})",
}


@pytest.mark.parametrize("name", HARD_BUT_FINE)
def test_large_text_passes(name: str) -> None:
    begin = time.process_time()
    assert guard(HARD_BUT_FINE[name]) == HARD_BUT_FINE[name]
    assert time.process_time() - begin < HANGS


@pytest.mark.parametrize(
    "text",
    [
        "select a[1:n] from t",
        "select a[1:'2'], b[:x]",
        "select x::int, y::text[]",
        "select json_object('a':b), json_objectagg(k:v)",
        "select ':x', \":x\", $$:x \\d$$, $tag$ $$ :x $tag$ -- :x \\d",
        "select /* :x \\d /* \\g */ */ 1",
        "select e'it\\'s :x', U&'\\0061:x', U&\":x\", n':x'",
        "select e'a'  \n  '\\':x'",
        "select 'a''b:x'",
        "select a ? 'b', a #> b, a @> b, -1, 2 - -1, a->>'x'",
        "select 1 as é, 'ű'",
        "select a$b$c, $1, 1.5e10, .5",
        "call f(a := 1, b => 2)",
    ],
)
def test_what_is_sql_stays_as_it_is(text: str) -> None:
    assert guard(text) == text
    padded = text + " " * guarding.MAX_OPERATORS  # too long for the short cut
    assert guard(padded) == padded


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("select :x", "psql_interpolation", 1, 8),
        ("select :'x'", "psql_interpolation", 1, 8),
        ('select :"x"', "psql_interpolation", 1, 8),
        ("select :{?x}", "psql_interpolation", 1, 8),
        ("select 'é',\n  :x", "psql_interpolation", 2, 3),
        ("select (a[1:2]), b:x", "psql_interpolation", 1, 19),
        ("select 1:::x", "psql_interpolation", 1, 11),
        ("\\! rm -rf /", "psql_meta_command", 1, 1),
        ("\\set x 1", "psql_meta_command", 1, 1),
        ("select 1 \\gexec", "psql_meta_command", 1, 10),
        ("select 1 \\gset", "psql_meta_command", 1, 10),
        ("select 1 \\watch `date`", "psql_meta_command", 1, 10),
        ("select 1 \\g file", "psql_meta_command", 1, 10),
        ("\\copy t from x", "psql_meta_command", 1, 1),
        ("\\c other", "psql_meta_command", 1, 1),
        ("\\i file", "psql_meta_command", 1, 1),
        ("\\pset format `ls`", "psql_meta_command", 1, 1),
        ("\\echo :x", "psql_meta_command", 1, 1),
        ("\\echo it's\nselect ';'", "psql_meta_command", 1, 1),
        ("\\copy t from program 'ls'", "psql_meta_command", 1, 1),
        ("\\copy t from stdin\n1\n\\.", "psql_meta_command", 1, 1),
        ("select 1;\n\\o | ls", "psql_meta_command", 2, 1),
        ("select 1 \\", "psql_meta_command", 1, 10),
        # Quotes that psql never sees, since it takes them for the command's name or argument.
        ("select \\x'a\n; delete from t; --'", "psql_meta_command", 1, 8),
        ("\\h x \\\\ select 'a\n; delete from t; --'", "psql_meta_command", 1, 1),
        ("\\x\rselect 'a\n; delete from t; --'", "psql_meta_command", 1, 1),
        ("\\x\fselect 'a\n; delete from t; --'", "psql_meta_command", 1, 1),
    ],
)
def test_what_psql_would_change_is_refused(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(ReadingError) as caught:
        guard(text)
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, line, column)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("\\timing on\nselect 1", 1),
        ("\\x\n\\pset border 2\nselect 1;\n\\d hr.*\nselect 2", 2),
        ("select 1 \\gx\nselect 2 \\g", 2),
        ("select 1 \\watch 5\nselect 1 \\gdesc\nselect 1, 2, 3 \\crosstabview 1 2", 3),
        ("\\dt", 0),
        ("\\d+ t\n\\x\r\nselect 1", 1),
        ("select 1; \\x \\\\ select 2", 2),
        ("\\pset null '(null)'\n\\echo \"a | b\" 'c; d'\nselect 1", 1),
        ("\\copy s.t (a) from './data.csv' with (format csv)\nselect 1", 2),
    ],
)
def test_harmless_psql_commands_are_blanked(text: str, statements: int) -> None:
    sql = guard(text)
    assert len(sql) == len(text)
    assert len(parse(sql, Places(sql))) == statements


PIECES = st.sampled_from(
    [
        *"'\":;()[]\\,=1aé \n\t",
        "$$",
        "$a$",
        "--",
        "/*",
        "*/",
        "::",
        "e'",
        "E'",
        "U&'",
        'u&"',
        "select",
        "union",
        "case",
        "end",
        "\\d",
        ":x",
        "json_object(",
        "''",
        "\\'",
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS)
def test_the_short_cut_decides_as_the_long_way_does(text: str) -> None:
    """A text that ends in blanks beyond the short cut's size must be judged the same, but for quoting left open,
    which the parser finds."""
    try:
        long_way: str | None = guard(text + "\n" + " " * guarding.MAX_OPERATORS)[: len(text)]
    except ReadingError as error:
        if error.code == "syntax_error":
            return
        long_way = None
    try:
        short_cut: str | None = guard(text + "\n")[: len(text)]
    except ReadingError:
        short_cut = None
    assert short_cut == long_way


@pytest.mark.parametrize("sql", ["1 */* x */ 2", "1 *-- it's\n 2", "1 */* ' */ 2"])
def test_an_operator_ends_where_a_comment_begins(sql: str) -> None:
    assert [sql[start:end] for _, start, end in lexer.tokens(sql)] == ["1", "*", "2"]


@given(TEXTS)
def test_tokens_cover_the_text_in_order(text: str) -> None:
    position = 0
    with contextlib.suppress(ReadingError):
        for kind, start, end in lexer.tokens(text):
            assert position <= start < end <= len(text)
            if kind == lexer.WORD:
                assert text[start:end].isidentifier() or "$" in text[start:end]
            position = end


@given(TEXTS)
def test_what_the_guard_lets_through_splits_as_the_parser_splits(text: str) -> None:
    """Semicolons the lexer sees outside of quotes are the parser's: as many statements as non-empty pieces."""
    try:
        sql = guard(text)
        statements = parse(sql, Places(sql))
        found = list(lexer.tokens(sql))
    except ReadingError:
        return
    pieces: list[int] = [0]
    for kind, start, end in found:
        if kind == lexer.PUNCTUATION and sql[start:end] == ";":
            pieces.append(0)
        else:
            pieces[-1] += 1
    assert len(statements) == sum(1 for count in pieces if count)
