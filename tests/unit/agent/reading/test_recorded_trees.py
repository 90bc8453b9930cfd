"""Trees as PostgreSQL 14 to 18 printed them (`tools/record_trees.py`) all say the same about the same statement."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from p0_agent.reading.nodes import TreeError
from p0_agent.reading.tree import VERSIONS, Tree, read

TREES: Final = Path(__file__).with_name("trees")
SELECT, INSERT, UPDATE, DELETE = 2, 1, 4, 8

Charge = tuple[str, int, frozenset[int], frozenset[int], frozenset[int]]
"""A relation, the mask of what is required on it, and its columns to select, insert and update."""


class Recorded(msgspec.Struct):
    sql: str
    tree: str
    names: dict[int, str]


def recorded(version: int) -> list[Recorded]:
    lines = TREES.joinpath(f"{version}.jsonl").read_text(encoding="utf-8").splitlines()
    return [msgspec.json.decode(line, type=Recorded) for line in lines]


def charged(found: Tree, names: dict[int, str]) -> set[Charge]:
    return {
        (names[each.relation], each.required, each.selected, each.inserted, each.updated)
        for each in found.mentions
        if not each.owners
    }


def need(
    name: str, required: int, selected: set[int], inserted: set[int] | None = None, updated: set[int] | None = None
) -> Charge:
    return name, required, frozenset(selected), frozenset(inserted or ()), frozenset(updated or ())


# By the statements' order: the command, what is charged, what owners are charged on, and what is drawn from.
EXPECTED: Final[tuple[tuple[str, set[Charge], set[str], set[tuple[str, str]]], ...]] = (
    ("SELECT", {need("people", SELECT, {1, 2, 3})}, set(), set()),
    ("SELECT", {need("people", SELECT, set())}, set(), set()),
    ("SELECT", {need("people", SELECT, {-1, 0})}, set(), set()),
    ("SELECT", {need("rich", SELECT, {2})}, {"people"}, set()),
    (
        "INSERT",
        {need("items", SELECT | INSERT | UPDATE, {1, 5}, {2}, {3}), need("items", SELECT, {3})},
        set(),
        {("nextval", "items_id_seq")},
    ),
    ("UPDATE", {need("items", SELECT | UPDATE, {2}, None, {5}), need("people", SELECT, {1})}, set(), set()),
    ("SELECT", {need("items", SELECT | DELETE, {1, 5})}, set(), set()),
    ("DELETE", {need("notes", SELECT | DELETE, {1}), need("people", SELECT, {2})}, {"log", "notes"}, set()),
    ("SELECT", {need("people", SELECT | UPDATE, {1})}, set(), set()),
    ("SELECT", set(), set(), {("nextval", "items_id_seq")}),
    ("SELECT", {need("people", SELECT, {1, 2})}, set(), set()),
    ("SELECT", {need("people", SELECT, {1, 2})}, set(), set()),
)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_the_same(version: int) -> None:
    for item, (command, needs, owners, draws) in zip(recorded(version), EXPECTED, strict=True):
        found = read(item.tree, version)
        assert found.command == command, item.sql
        assert charged(found, item.names) == needs, item.sql
        assert {item.names[each.relation] for each in found.mentions if each.owners} == owners, item.sql
        assert {(use, item.names[oid]) for use, oid in found.draws} == draws, item.sql
        assert not found.blind_draws


@pytest.mark.parametrize("version", VERSIONS)
def test_functions_and_types_by_their_numbers(version: int) -> None:
    by_sql = {item.sql: read(item.tree, version) for item in recorded(version)}
    view = by_sql["SELECT name FROM s.rich"]
    assert 871 in view.functions  # upper(text), in the view
    assert by_sql["SELECT count(*) FROM s.people"].functions == {2803}
    drawing = next(found for sql, found in by_sql.items() if "nextval" in sql)
    assert 1574 in drawing.functions
    assert any(each >= 16384 for each in drawing.types)  # the array of a domain


def test_what_is_not_known_is_refused() -> None:
    item = recorded(18)[0]
    for text, version in (
        (item.tree, 13),
        (item.tree, 19),
        (item.tree.replace("RANGETBLREF", "RANGETBLREFS"), 18),
        (item.tree.replace(":querySource 0", ":querySource x"), 18),
        (item.tree.replace(":commandType 1", ":commandType 9"), 18),
        (item.tree.replace(":requiredPerms 2", ":required 2"), 18),
        (item.tree.replace(":requiredPerms 2", ":requiredPerms 2 :requiredPerms 0"), 18),
        (item.tree[1:-1].strip("()\n"), 18),
        ("()", 18),
    ):
        with pytest.raises(TreeError):
            read(text, version)


def test_no_query_at_all_is_an_empty_tree() -> None:
    """A rule's INSTEAD NOTHING leaves none."""
    assert read("<>", 18).empty
    assert not any(read(item.tree, 18).empty for item in recorded(18))


def test_two_statements_in_one_tree_are_refused() -> None:
    text = recorded(18)[0].tree.strip()
    with pytest.raises(TreeError, match="several"):
        read(text[:-1] + " " + text[1:], 18)


def test_only_an_unused_query_in_with_is_left_out() -> None:
    item = recorded(18)[6]
    assert "unused" in item.sql
    referred_to = re.sub(r"cterefcount\s0", "cterefcount 1", item.tree)
    assert referred_to != item.tree
    assert len(read(referred_to, 18).mentions) == len(read(item.tree, 18).mentions) + 1
