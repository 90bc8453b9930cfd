"""The notation of node trees: everything in it is taken for what it is, and what is not in it is refused."""

from __future__ import annotations

import contextlib
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0_agent.reading.nodes import MAX_DEPTH, Datum, Node, Numbers, TreeError, parse

NAMES = (
    "after",
    "before",
    "constant",
    "empty",
    "flag",
    "name",
    "names",
    "nested",
    "nodes",
    "none",
    "nothing",
    "number",
)
WANTED = frozenset((*string.ascii_lowercase, *NAMES, "oids", "set", "varno"))


def node(text: str, wanted: frozenset[str] = WANTED) -> Node:
    found = parse(text, wanted)
    assert isinstance(found, Node)
    return found


def printed(value: str) -> str:
    """As outToken prints a name that is neither empty nor begins like another kind of value."""
    return "".join(f"\\{each}" if each in " \n\t(){}\\" else each for each in value)


def test_each_kind_of_value() -> None:
    found = node(
        '{QUERY :number -1 :flag true :none <> :set (b 8 9) :nothing (b) :oids (o 1 2) :names ("a" "b\\ c")'
        " :constant 4 [ 1 0 -1 255 0 0 0 0 ] :empty 0 [ ] :nodes ({VAR :varno 1} {VAR :varno 2}) :nested (({A :b c}))}"
    )
    assert found.label == "QUERY"
    assert found.number("number") == -1
    assert found.flag("flag")
    assert found.fields["none"] is None
    assert found.numbers("set") == Numbers((8, 9))
    assert found.numbers("nothing") == ()
    assert found.numbers("oids") == (1, 2)
    assert found.numbers("none") == ()
    assert found.fields["names"] == ['"a"', '"b\\ c"']
    assert found.fields["constant"] == Datum(b"\x01\x00\xff\xff\x00\x00\x00\x00")
    assert found.fields["empty"] == b""
    assert [each.number("varno") for each in found.nodes("nodes")] == [1, 2]
    assert found.nodes("none") == []


def test_values_that_look_like_something_else() -> None:
    """Names are printed with a backslash where they would be taken for another kind of value, but not for a field."""
    found = node("{A :a :b :c [ :d \\<> :e \\{ :f \\5 :g ?}")
    assert found.fields == {"a": ":b", "c": "[", "d": "\\<>", "e": "\\{", "f": "\\5", "g": "?"}


def test_lines_break_where_spaces_are() -> None:
    assert node("{A :number\n4 :constant 4\n[ 1 0\n0 0 ] :set\n(b\n8 9)}").numbers("set") == (8, 9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "}",
        "{A",
        "{A :b}",
        "{A :b 1",
        "{A b}",
        "{A :b 1 2}",
        "{A :b 1 :b 2}",
        "{A :b 1)",
        "({A :b 1}",
        "{a :b 1}",
        "{ A :b 1}",
        "{A :b {}}",
        "{A :b (b x)}",
        "{A :b (b 1 {C :d 1})}",
        "{A :b 5 [ 1 2 ]}",
        "{A :b 1 [ 256 ]}",
        "{A :b 1 [ 1-2 ]}",
        "{A :b 1 [ 1}",
        "{A :b 1} {A :b 2}",
        "{A :b 1}\\",
        "({A :b 1}) x",
    ],
)
def test_what_is_not_in_the_notation_is_refused(text: str) -> None:
    with pytest.raises(TreeError):
        parse(text, WANTED)


@pytest.mark.parametrize("ask", ["number", "flag", "numbers", "nodes"])
def test_a_field_of_another_kind_is_refused(ask: str) -> None:
    with pytest.raises(TreeError):
        getattr(node("{A :b x :c {D :e 1}}"), ask)("b")
    with pytest.raises(TreeError):
        getattr(node("{A :b x}"), ask)("missing")


def test_a_line_broken_inside_of_a_name_is_refused() -> None:
    """The server breaks a line of 78 bytes without a space anywhere, even after a backslash: what follows is bare."""
    name = "\\{" * 38 + "\\"
    with pytest.raises(TreeError, match="too long"):
        parse(f"{{A :n\n{name}\n}}}}", WANTED)
    with pytest.raises(TreeError, match="too long"):
        parse("{A :n\n" + "\\\n" * 20 + "x" * 37 + "\\\n}}", WANTED)
    assert node(f"{{A :n {'x' * 63} :m {'é' * 31}}}").fields["n"] == "x" * 63


def test_depth_and_length_cost_no_more_than_time_in_proportion() -> None:
    deep = MAX_DEPTH - 1
    begun = time.process_time()
    with pytest.raises(TreeError):
        parse("(\n" * (MAX_DEPTH + 1) + ")\n" * (MAX_DEPTH + 1), WANTED)
    assert isinstance(parse("(\n" * deep + ")\n" * deep, WANTED), list)
    parse("{A :b (" + "{C :d 1 :e (b 1 2)} " * 50_000 + ")}", WANTED)
    for unwanted in (":y 1 ", ":y (", ":y (b ", ":y \\", "1 [ "):
        with contextlib.suppress(TreeError):
            parse("{A " + unwanted * 200_000 + "}", frozenset({"b"}))
    assert time.process_time() - begun < 5


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12))
def test_whatever_a_name_holds_it_stays_one_value(name: str) -> None:
    if name[0] in '<"0123456789+-.' or "\ufffd" in name:
        name = "n"
    found = node(f"{{A :before 1 :name {printed(name)} :after 2}}")
    assert (found.number("before"), found.number("after"), len(found.fields)) == (1, 2, 3)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12))
def test_whatever_an_unwanted_name_holds_it_takes_nothing_along(name: str) -> None:
    if name[0] in '<"0123456789+-.' or "\ufffd" in name:
        name = "n"
    text = f'{{A :before 1 :name {printed(name)} :list ("{printed(name)}" "n") :after {{B :name {printed(name)}}}}}'
    found = node(text, frozenset({"before", "after"}))
    assert found.fields.keys() == {"before", "after"}
    inner = found.fields["after"]
    assert isinstance(inner, Node)
    assert (found.number("before"), inner.fields) == (1, {})


def test_fields_that_nobody_wants_are_kept_for_the_nodes_in_them() -> None:
    found = node("{A :x 1 :y (b 1 2) :z <> :list ({B :x 1 :b 2}) :one {C :x (i 1)} :w ((1)) :b 3}", frozenset({"b"}))
    assert found.fields.keys() == {"list", "one", "w", "b"}
    assert [each.fields for each in found.nodes("list")] == [{"b": "2"}]


@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_refused(text: str) -> None:
    with contextlib.suppress(TreeError):
        parse(text, WANTED)
