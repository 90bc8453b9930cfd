"""Warnings about rules: what is called unreachable never decides, whatever is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fix_routing import (
    AUTO,
    CONNECT,
    DBA,
    DEFINER,
    DENY,
    EMAIL,
    FUNCTION,
    LARGE_OBJECT,
    MARKET,
    NAME,
    ROLE,
    SEQUENCE,
    TYPE,
    on,
    question,
    rules,
)
from p0_access.permissions.permission import Permission
from p0_access.routing.decide import route
from p0_access.routing.directory import Directory
from p0_access.routing.lint import KnownGroups, lint
from p0_access.routing.rules import RuleSet

TAGS = "tags: {pii: [enterprise.customers.email]}"


def known(*names: str) -> KnownGroups:
    return KnownGroups(names=frozenset(names), source="groups.toml")


def codes(found: RuleSet, **more: object) -> list[tuple[str, int]]:
    return [(each.code, each.line) for each in lint(found, **more)]  # type: ignore[arg-type]  # only groups


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (on(""), on("relations: [enterprise.markets]")),
        (on("relations: ['enterprise.*']"), on("relations: [enterprise.markets, 'enterprise.a*']")),
        (on("schemas: ['e*']"), on("schemas: ['ent*'], functions: ['enterprise.rate*']")),
        (on("relations: ['*.*']"), on("columns: ['*.customers.email']")),
        (on("", DENY), on("roles: [reporting]")),
        (on("roles: ['rep*']"), on("roles: [reporting]")),
        (on("", AUTO, "requestor: {groups: [a, b]}"), on("", DBA, "requestor: {groups: [b]}")),
        (on("", AUTO, "access: {privileges: [SELECT, INSERT]}"), on("", DBA, "access: {privileges: [INSERT]}")),
    ],
)
def test_a_rule_below_one_that_takes_all_of_it_is_found(first: str, second: str) -> None:
    found = rules(first, second, top=TAGS)
    assert ("unreachable", found.rules[1].line) in codes(found)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (on(""), on("functions: [enterprise.rate]")),  # which may run with its owner's rights
        (on("functions: ['enterprise.*']"), on("functions: [enterprise.rate]")),
        (on("relations: [enterprise.markets]"), on("")),
        (on("relations: ['enterprise.a?']"), on("relations: ['enterprise.a*']")),
        (on(""), on("roles: [reporting]")),
        (on(""), on("", DENY)),
        (on(""), on("tags: [pii]", DBA)),
        (on("functions: ['*.*']"), on("relations: ['*.*']")),
        (on("", AUTO, "requestor: {groups: [a]}"), on("")),
        (on("", AUTO, "when: {days: [mon], timezone: UTC}"), on("")),
        (on("", AUTO, "access: {kinds: [grant]}"), on("", DBA, "access: {kinds: [grant, statement]}")),
    ],
)
def test_a_rule_that_still_decides_something_is_not(first: str, second: str) -> None:
    assert codes(rules(first, second, top=TAGS), groups=known("a", "dba"))[-1:] in ([], [("unused_tag", 1)])


RESOURCES = ("", "relations: ['*.*']", "relations: ['enterprise.m*']", "relations: [enterprise.customers]",
             "columns: ['*.*.email']", "tags: [pii]", "functions: ['*.*']", "sequences: ['enterprise.*']",
             "functions: [enterprise.close_books]", "types: ['enterprise.*']", "large_objects: ['*']",
             "roles: ['*']", "schemas: [enterprise]", "schemas: ['e*'], relations: ['*.*']")  # fmt: skip
MORE = ("access: {privileges: [SELECT]}", "access: {privileges: [SELECT, EXECUTE, MEMBER]}",
        "requestor: {groups: [analysts]}", "requestor: {groups: [dba]}",
        "when: {days: [mon], timezone: UTC}")  # fmt: skip
SOME_RULE = st.builds(on, st.sampled_from(RESOURCES), st.sampled_from((AUTO, DBA, DENY)), st.sampled_from(("", *MORE)))
ASKED: tuple[Permission, ...] = (EMAIL, NAME, MARKET, FUNCTION, DEFINER, TYPE, LARGE_OBJECT, SEQUENCE, ROLE, CONNECT)


@settings(max_examples=150, deadline=None)
@given(st.lists(SOME_RULE, min_size=2, max_size=5))
def test_what_is_called_unreachable_never_decides(written: list[str]) -> None:
    found = rules(*written, top=TAGS)
    dead = {each.line for each in lint(found) if each.code == "unreachable"}
    names = {rule.name for rule in found.rules if rule.line in dead}
    for granted in ASKED:
        for reached in ((), (EMAIL,), (FUNCTION,)):
            asked = question(granted, reached=reached, definers=frozenset({("enterprise", "close_books(date)")}))
            trace = route(found, asked).trace
            assert names.isdisjoint({item.rule for item in trace})


def test_groups_that_nobody_knows() -> None:
    found = rules(
        on("", DBA, "requestor: {groups: [analysts, analists]}"), top="defaults: {revoke: {groups: [security]}}"
    )
    assert [each.message for each in lint(found, groups=known("analysts", "sre"))] == [
        'defaults.revoke names the group "security", which nobody is in by groups.toml (it has analysts and sre)',
        (
            'rule "r1" names the group "analists", which nobody is in by groups.toml '
            '(it has analysts and sre; did you mean "analysts"?)'
        ),
        'rule "r1" names the group "dba", which nobody is in by groups.toml (it has analysts and sre)',
    ]
    assert lint(found, groups=known())[0].message.endswith(
        '"security", which nobody is in by groups.toml (it has nobody in any)'
    )
    assert lint(found) == ()


@pytest.mark.parametrize(
    ("approval", "short"),
    [
        ("{approvers: {groups: [dba]}, count: 2}", None),
        ("{approvers: {groups: [dba]}, count: 3}", "3 of dba, and groups.toml has only 2 of them"),
        ("{approvers: {groups: [dba, sre]}, count: 4}", "4 of dba or sre, and groups.toml has only 3 of them"),
        ("{approvers: {groups: [dba], issuer: 'https://b'}, count: 2}", "2 of dba, and groups.toml has only 1 of them"),
        ("{approvers: {groups: [dba], subjects: ['https://c#x']}, count: 3}", None),
        ("{approvers: {groups: [dba]}, count: 3, escalate: {after: 1h, to: {groups: [sre]}}}", None),
        ("{any: [{approvers: {groups: [dba]}, count: 3}, {approvers: {groups: [sre]}}]}", None),
        (
            "{any: [{approvers: {groups: [dba]}, count: 3}, {approvers: {groups: [sre]}, count: 2}]}",
            "3 of dba, or else 2 of sre, and groups.toml has only 2 and 1 of them",
        ),
        ("{approvers: {groups: [nobody]}, count: 1}", None),
    ],
)
def test_approvals_that_take_more_people_than_there_are(approval: str, short: str | None) -> None:
    people = {"https://a x@a.example": {"dba"}, "https://b#y": {"dba"}, "https://a#z": {"sre"}}
    directory = Directory(
        groups=frozenset({"dba", "sre"}), groups_of={person: frozenset(groups) for person, groups in people.items()}
    )
    found = lint(rules(on("", f"approval: {approval}")), groups=KnownGroups.of(directory, "groups.toml"))
    said = [each.message for each in found if each.code == "too_few"]
    assert said == ([] if short is None else [f'rule "r1" asks {short}'])


def test_a_cap_above_the_default_changes_nothing() -> None:
    found = rules(
        on("", "approval: {auto: true, max_ttl: 2h}"), on("roles: [a]", "approval: {auto: true, max_ttl: 1h}")
    )
    assert codes(found) == [("idle_max_ttl", found.rules[0].line)]
