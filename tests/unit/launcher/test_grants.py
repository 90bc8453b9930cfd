"""Permissions as people write them."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from p0_access.permissions.permission import Kind, Permission
from p0_launcher.errors import UsageError
from p0_launcher.grants import parse_grants


def named(*specs: str) -> set[str]:
    found = parse_grants("db", specs).grant
    assert found is not UNSET
    return {str(each) for each in found}


IMPLIED = {"CONNECT on database db", "USAGE on schema s"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("select, INSERT on S.t", {"SELECT on s.t", "INSERT on s.t"}),
        ("select on table s.t", {"SELECT on s.t"}),
        ('SELECT on s."T x"( a, "B" )', {"SELECT (a) on s.T x", "SELECT (B) on s.T x"}),
        ("usage on sequence s.ids", {"USAGE on sequence s.ids"}),
        ("execute on function s.f()", {"EXECUTE on function s.f()"}),
        (
            "execute on function s.f(integer,  double   precision, text[])",
            {"EXECUTE on function s.f(integer, double precision, text[])"},
        ),
    ],
)
def test_a_grant_is_what_it_says_and_what_that_implies(spec: str, expected: set[str]) -> None:
    assert named(spec) == expected | IMPLIED


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("usage on TYPE s.mood", {"USAGE on type s.mood", "USAGE on schema s"}),
        ("select, update on large object 4711", {"SELECT on large object 4711", "UPDATE on large object 4711"}),
        ("temporary on database", {"TEMPORARY on database db"}),
        ("Temporary on database DB", {"TEMPORARY on database db"}),
    ],
)
def test_what_is_no_relation(spec: str, expected: set[str]) -> None:
    assert named(spec) == expected | {"CONNECT on database db"}


def test_grants_add_up_in_the_form_that_is_signed() -> None:
    found = parse_grants("db", ["select on s.t", "select on s.t", "update on s.t(a)"]).grant
    assert found is not UNSET
    assert len(found) == 4
    assert Permission(Kind.COLUMN, "s", "t", "a", "UPDATE") in found


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("everything", "SELECT on schema.table"),
        ("select on t", "SELECT on schema.table"),
        ("select on s.t()", "SELECT on schema.table"),
        ("delete on s.t(a)", "INSERT, REFERENCES, SELECT, UPDATE"),
        ("execute on s.t", "DELETE, INSERT"),
        ("execute on function s.f", "argument types"),
        ("usage on sequence s.q(a)", "USAGE on sequence"),
        ("delete on sequence s.q", "SELECT, UPDATE, USAGE"),
        ("usage on type s.t(a)", "USAGE on type"),
        ("execute on type s.t", "USAGE"),
        ("select on large object x", "SELECT on schema.table"),
        ("delete on large object 1", "SELECT, UPDATE"),
        ("create on database", "CONNECT, TEMPORARY"),
        ("temporary on database other", "This is asked for in db"),
    ],
)
def test_what_is_no_grant_is_said_with_a_hint(spec: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        named(spec)
    assert caught.value.code == "grant_malformed"
    assert hint in (caught.value.hint or "")
