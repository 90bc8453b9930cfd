"""Names of roles: readable, short enough, the same for the same input, and never two things under one name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0_access.permissions.permission import column, connect, usage
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, is_login_name, login_name, set_role_name

PERMISSIONS = (connect("d"), usage("s"), column("s", "t", "c", "SELECT"))


def login(person: str = "ada@example.com", issuer: str = "i", subject: str = "s", rh: str = "r") -> str:
    return login_name(person=person, issuer=issuer, subject=subject, rh=rh)


@pytest.mark.parametrize(
    ("person", "stub"),
    [
        ("ada.lovelace@example.com", "adalovelace"),
        ("Ünïcødé@example.com", "unicde"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "auth05f7c8ec7c33c6c004bb"),
        ("表", "user"),
        ("", "user"),
        ("@", "user"),
        ("set@example.com", "set"),
    ],
)
def test_the_stub_is_of_the_person(person: str, stub: str) -> None:
    assert re.fullmatch(f"p0_{stub}_[a-z2-7]{{16}}", login(person))


@given(st.text(), st.text(), st.text(), st.text())
def test_every_login_name_is_one(person: str, issuer: str, subject: str, rh: str) -> None:
    name = login(person, issuer, subject, rh)
    assert is_login_name(name)
    assert len(name.encode()) <= 63
    assert re.match(LOGIN_PATTERN, name)
    assert not re.match(SET_PATTERN, name)


def test_each_part_makes_another_name_and_parts_do_not_run_together() -> None:
    names = {
        login(),
        login(issuer="j"),
        login(subject="t"),
        login(rh="q"),
        login(issuer="is", subject=""),
        login(issuer="", subject="is"),
    }
    assert len(names) == 6
    assert login() == login()


def test_a_set_role_is_named_by_its_content() -> None:
    name = set_role_name("d", PERMISSIONS, lease=None)
    assert re.match(SET_PATTERN, name)
    assert not is_login_name(name)
    assert set_role_name("d", (*reversed(PERMISSIONS), PERMISSIONS[0]), lease=None) == name
    others = {
        set_role_name("e", PERMISSIONS, lease=None),
        set_role_name("d", PERMISSIONS[:2], lease=None),
        set_role_name("d", PERMISSIONS, lease="rh"),
        set_role_name("d", (connect("d"), usage("s"), column("s", "t", "c", "UPDATE")), lease=None),
    }
    assert len(others | {name}) == 5


@pytest.mark.parametrize("name", ["p0_agent", "p0_broker", "p0_reader", "p0_set_" + "a" * 32, "postgres", "p0_a_b\n"])
def test_other_roles_are_not_logins(name: str) -> None:
    assert not is_login_name(name)
