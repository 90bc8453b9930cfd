"""What people see follows from the rules: whoever could be granted something or asked to review sees the database."""

from __future__ import annotations

import pytest

from p0_access.errors import RulesError
from p0_access.routing.decision import Requestor
from p0_access.routing.load import load
from p0_access.routing.rules import RuleSet
from p0_access.routing.visibility import Sees, Sight

ISSUER = "https://id.example"


def rules(text: str, head: str = "") -> RuleSet:
    return load(f"version: 1\n{head}rules:\n{text}".encode(), source="rules.yaml")


def person(*groups: str, sub: str = "ada", iss: str = ISSUER, email: str | None = None) -> Requestor:
    return Requestor(iss=iss, sub=sub, email=email, groups=groups)


GRANT = """\
  - name: markets
    requestor: {groups: [analysts]}
    resource: {databases: ["sales"], relations: ["enterprise.markets"]}
    approval: {auto: true}
"""
REVIEW = """\
  - name: pii
    requestor: {groups: [analysts]}
    resource: {databases: ["sales"], relations: ["enterprise.customers"]}
    approval:
      any:
        - {approvers: {groups: [privacy]}}
        - {approvers: {subjects: ["https://id.example#quinn"]}}
"""
CONNECT = """\
  - name: connect
    resource: {databases: ["*"]}
    access: {privileges: [CONNECT]}
    approval: {auto: true}
"""
SHUT = """\
  - name: shut
    resource: {databases: ["sales"]}
    approval: {deny: "Closed."}
"""
SHUT_FOR_ANALYSTS = """\
  - name: not-analysts
    requestor: {groups: [analysts]}
    resource: {databases: ["sales"]}
    approval: {deny: "Closed."}
"""


@pytest.mark.parametrize(
    ("text", "who", "database", "expected"),
    [
        (GRANT, person("analysts"), "sales", "catalog"),
        (GRANT, person("analysts"), "sale", "nothing"),
        (GRANT, person("engineers"), "sales", "nothing"),
        (REVIEW, person("privacy"), "sales", "catalog"),
        (REVIEW, person(sub="quinn"), "sales", "catalog"),
        (REVIEW, person(sub="quinn", iss="https://other.example"), "sales", "nothing"),
        (CONNECT, person(), "whatever", "database"),
        (CONNECT + GRANT, person("analysts"), "sales", "catalog"),
        (CONNECT + GRANT, person("analysts"), "hr", "database"),
        (SHUT + GRANT + REVIEW + CONNECT, person("analysts", "privacy"), "sales", "nothing"),
        (SHUT_FOR_ANALYSTS + GRANT + CONNECT, person("analysts"), "sales", "nothing"),
        (SHUT_FOR_ANALYSTS + REVIEW, person("analysts", "privacy"), "sales", "catalog"),
        (GRANT + SHUT, person("analysts"), "sales", "catalog"),
        (SHUT, person("analysts"), "sales", "nothing"),
    ],
)
def test_what_a_person_sees(text: str, who: Requestor, database: str, expected: Sees) -> None:
    assert Sight(rules(text), who).of(database) == expected


@pytest.mark.parametrize(
    "narrow",
    [
        'resource: {databases: ["sales"], schemas: [hr]}',
        'resource: {databases: ["sales"], relations: ["hr.*"]}',
        'resource: {databases: ["sales"]}\n    access: {privileges: [DELETE]}',
        'resource: {databases: ["sales"]}\n    access: {kinds: [grant]}',
        'resource: {databases: ["sales"]}\n    when: {days: [sun], timezone: Europe/Budapest}',
    ],
)
def test_a_denial_of_less_than_everything_hides_nothing(narrow: str) -> None:
    deny = f'  - name: some\n    {narrow}\n    approval: {{deny: "No."}}\n'
    assert Sight(rules(deny + GRANT), person("analysts")).of("sales") == "catalog"


def test_a_rule_counts_at_every_hour() -> None:
    window = '    when: {days: [mon], hours: "03:00-03:01", timezone: Europe/Budapest}\n'
    text = GRANT.replace("    approval", window + "    approval")
    assert Sight(rules(text), person("analysts")).of("sales") == "catalog"


def test_an_open_catalog_is_everybodys() -> None:
    opened = rules(SHUT + GRANT, 'databases: {"sal*": {catalog: open}}\n')
    assert Sight(opened, person()).of("sales") == "catalog"
    assert Sight(opened, person()).of("hr") == "nothing"


@pytest.mark.parametrize(
    ("head", "place", "says"),
    [
        ("databases: {sales: {catalog: shut}}\n", "2:30", "no way to show a catalog"),
        ("databases: {sales: {catalogue: open}}\n", "2:21", 'no "catalogue"'),
        ("databases: {sales: {}}\n", "2:20", 'needs "catalog"'),
        ('databases: {"^sales": {catalog: open}}\n', "2:13", "is not a pattern"),
        ("databases: [sales]\n", "2:12", "takes keys and values"),
    ],
)
def test_what_databases_may_not_say(head: str, place: str, says: str) -> None:
    with pytest.raises(RulesError) as refused:
        rules(GRANT, head)
    assert str(refused.value).startswith(f"rules.yaml:{place}: ")
    assert says in str(refused.value)
