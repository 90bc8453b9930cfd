"""How deep JSON may be nested: brackets count where they are brackets, whatever stands in strings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p0_access.encoding import MAX_JSON_DEPTH, strict_json
from p0_access.errors import MalformedError

TEXTS = st.text(alphabet='[{]}"\\,:a', max_size=8)


def nested(value: Any, times: int) -> Any:
    for _ in range(times):
        value = [value]
    return value


@given(texts=st.lists(TEXTS, max_size=40), depth=st.integers(min_value=1, max_value=2 * MAX_JSON_DEPTH))
@settings(max_examples=200, deadline=None)
def test_brackets_in_strings_are_none_and_all_others_count(texts: list[str], depth: int) -> None:
    value = nested(texts, depth - 1)
    raw = json.dumps(value).encode()
    if depth <= MAX_JSON_DEPTH:
        assert strict_json(raw) == value
        return
    with pytest.raises(MalformedError) as raised:
        strict_json(raw)
    assert raised.value.code == "too_deep"


@given(st.text(alphabet='[{]}"\\,:1 ', max_size=40))
@settings(max_examples=300, deadline=None)
def test_what_is_no_json_hides_no_depth_before_the_place_where_it_is_none(text: str) -> None:
    deep = "[" * (MAX_JSON_DEPTH + 1) + text
    with pytest.raises(MalformedError) as raised:
        strict_json(deep.encode())
    assert raised.value.code == "too_deep"
