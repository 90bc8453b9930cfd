"""A bad file never replaces a good one."""

from __future__ import annotations

import pytest

from p0_access.errors import P0Error, RulesError
from p0_access.routing.current import CurrentRules

GOOD = b'version: 1\nrules: [{name: a, resource: {databases: ["*"]}, approval: {auto: true}}]'
BETTER = GOOD.replace(b"auto: true", b"deny: No.")
BAD = GOOD.replace(b"auto", b"otto")


class File:
    def __init__(self, data: bytes | None) -> None:
        self.data = data

    def __call__(self) -> bytes:
        if self.data is None:
            raise P0Error("cannot read it", code="unreadable")
        return self.data


def test_good_rules_replace_good_ones() -> None:
    file = File(GOOD)
    current = CurrentRules(file, source="rules.yaml")
    first = current.rules
    assert current.refresh() == "same"
    file.data = BETTER
    assert current.refresh() == "replaced"
    assert current.data == BETTER
    assert current.rules.sha256 != first.sha256
    assert current.refresh() == "same"


@pytest.mark.parametrize("bad", [BAD, b"", None])
def test_bad_ones_do_not_and_are_told_once(bad: bytes | None) -> None:
    file = File(GOOD)
    current = CurrentRules(file, source="rules.yaml")
    first, file.data = current.rules, bad
    assert [current.refresh() for _ in range(3)] == ["kept", "same", "same"]
    assert str(current.problem)
    assert (current.rules, current.data) == (first, GOOD)
    file.data = GOOD
    assert (current.refresh(), current.problem) == ("same", None)
    file.data = bad
    assert current.refresh() == "kept"
    file.data = BETTER
    assert (current.refresh(), current.problem) == ("replaced", None)


def test_there_is_no_start_with_bad_ones() -> None:
    with pytest.raises(RulesError, match="otto"):
        CurrentRules(File(BAD), source="rules.yaml")
