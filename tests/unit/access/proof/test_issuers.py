"""Identity providers by configuration: groups from claims, workloads by pins, one human under several subjects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from p0_access.errors import MalformedError, ProofError, RulesError
from p0_access.proof.issuers import (
    Alias,
    GroupMapping,
    TrustedIssuer,
    Workloads,
    check_people,
    email_of,
    groups_of,
    humans,
    workload_claims,
    workload_issuers,
)
from p0_access.routing.load import load
from p0_access.routing.pins import check_pins
from p0_access.settings import parse_settings

DOCUMENT = Path(__file__).parents[4] / "docs" / "identities.md"
CORP = TrustedIssuer(issuer="https://id.example", client_ids=("p0",))
CI = TrustedIssuer(issuer="https://ci.example", workloads=Workloads(claims={"repository_id": ("4711", "4712")}))


class People(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As server and agent have it."""

    issuers: tuple[TrustedIssuer, ...]
    aliases: tuple[Alias, ...] = ()


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_configuration_in_the_document_is_one() -> None:
    people = parse_settings(example("toml"), People, source="docs")
    check_people(people.issuers, people.aliases)
    assert [issuer.issuer for issuer in people.issuers if issuer.workloads is not None] == list(
        workload_issuers(people.issuers)
    )
    rules = load(f"version: 1\nrules:\n{example('yaml')}".encode(), source="docs")
    check_pins(rules, workload_issuers=workload_issuers(people.issuers))


@pytest.mark.parametrize(
    ("changes", "claims", "expected"),
    [
        ({}, {"groups": ["b", "a", "a"]}, ("a", "b")),
        ({}, {}, ()),
        ({"groups_claim": ""}, {"groups": ["a"], "": ["b"]}, ()),
        ({"groups_claim": "https://corp/groups"}, {"https://corp/groups": ["a"]}, ("a",)),
        ({"groups_claim": ("realm_access", "roles")}, {"realm_access": {"roles": ["a"]}}, ("a",)),
        ({"groups_claim": ("realm_access", "roles")}, {"realm_access": "a"}, ()),
        ({"groups": (GroupMapping(claim="hd", value="corp", group="staff"),)}, {"hd": "corp"}, ("staff",)),
        ({"groups": (GroupMapping(claim="hd", value="corp", group="staff"),)}, {"hd": "other"}, ()),
        ({"groups": (GroupMapping(claim="hd", value="corp", group="staff"),)}, {"hd": {"corp": 1}}, ()),
        ({"groups": (GroupMapping(claim="roles", value="r1", group="dba"),)}, {"roles": ["r0", "r1"]}, ("dba",)),
        ({"groups": (GroupMapping(claim="level", value="3", group="dba"),)}, {"level": 3}, ("dba",)),
        ({"groups": (GroupMapping(claim="on", value="true", group="s"),)}, {"on": True, "groups": ["a"]}, ("a", "s")),
    ],
)  # fmt: skip
def test_groups_come_from_the_claims_that_are_named(
    changes: dict[str, Any], claims: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert groups_of(claims, msgspec.structs.replace(CORP, **changes)) == expected


@pytest.mark.parametrize("groups", ["a", {"a": 1}, [1], None, ["a"] * 1_001])
def test_groups_that_are_no_list_of_names_are_refused(groups: object) -> None:
    with pytest.raises(ProofError) as caught:
        groups_of({"groups": groups}, CORP)
    assert caught.value.code == "token_groups"


def test_a_workload_is_known_by_its_claims() -> None:
    claims = {
        "repository_id": 4711,
        "ref": "main",
        "private": True,
        "aud": "x",
        "iat": 1,
        "nested": {"a": "b"},
        "e": "",
    }
    assert workload_claims(claims, CI) == {"private": "true", "ref": "main", "repository_id": "4711"}
    assert workload_claims({"groups": ["a"]}, CORP) is None
    for wrong in ({}, {"repository_id": "4713"}, {"repository_id": ["4711"]}, {"repository_id": ""}):
        with pytest.raises(ProofError) as caught:
            workload_claims(wrong, CI)
        assert caught.value.code == "workload_claims"
    with pytest.raises(ProofError):
        workload_claims({"repository_id": "4711"} | {f"c{number}": "x" for number in range(100)}, CI)


def test_an_address_counts_where_the_issuer_owns_the_domain() -> None:
    owner = msgspec.structs.replace(CORP, email_domains=("Corp.example",))
    claims = {"email": "Dana@corp.EXAMPLE", "email_verified": True}
    assert email_of(claims, owner) == "dana@corp.example"
    for wrong in (
        {"email_verified": "true"},
        {"email": "@corp.example"},
        {"email": "d@sub.corp.example"},
        {"email": None},
    ):
        assert email_of(claims | wrong, owner) is None
    assert email_of(claims, CORP) is None


@pytest.mark.parametrize(
    "wrong",
    [
        'issuer = "https://x"',
        'issuer = "https://x"\nclient_ids = []\nworkloads = { claims = {} }',
        'issuer = "https://x"\nworkloads = { claims = { ref = [] } }',
        'issuer = "https://x"\nworkloads = {}',
        'issuer = "https://x"\nclient_ids = ["a"]\nworkloads = { claims = { ref = ["main"] } }',
        'issuer = "https://x"\nemail_domains = ["x"]\nworkloads = { claims = { ref = ["main"] } }',
        'issuer = "https://x"\nclient_ids = ["a"]\npaste_client_ids = ["a"]',
        'issuer = "https://x"\nclient_ids = ["a"]\nalgorithms = ["HS256"]',
        'issuer = "https://x"\nclient_ids = ["a"]\ngroups_claim = []',
    ],
)
def test_an_issuer_that_would_trust_too_much_is_refused(wrong: str) -> None:
    with pytest.raises(MalformedError):
        parse_settings(f"[[issuers]]\n{wrong}", People, source="x.toml")


def test_a_subject_is_one_human_at_most() -> None:
    one = Alias(subjects=("https://a#1", "https://b#2"))
    assert humans((one,)) == {"https://a#1": "https://a#1", "https://b#2": "https://a#1"}
    for twice in (
        (one, Alias(subjects=("https://c#3", "https://b#2"))),
        (Alias(subjects=("https://a#1", "https://a#1")),),
    ):
        with pytest.raises(ValueError, match="stands twice"):
            humans(twice)
    with pytest.raises(ValueError, match="stands twice"):
        check_people((CORP, CORP), ())


@pytest.mark.parametrize(
    ("requestor", "fine"),
    [
        ("issuer: https://ci.example, groups: [a]", False),
        ('subjects: ["https://ci.example#repo"]', False),
        ("issuer: https://ci.example, claims: {ref: main}", True),
        ("groups: [a]", True),
    ],
)
def test_a_rule_for_workloads_pins_claims(requestor: str, fine: bool) -> None:
    rule = f'{{name: a, requestor: {{{requestor}}}, resource: {{databases: ["*"]}}, approval: {{auto: true}}}}'
    rules = load(f"version: 1\nrules:\n  - {rule}".encode(), source="rules.yaml")
    if fine:
        check_pins(rules, workload_issuers={"https://ci.example"})
        return
    with pytest.raises(RulesError, match=r"rules.yaml:3: rule .* pins no claims") as caught:
        check_pins(rules, workload_issuers={"https://ci.example"})
    assert caught.value.code == "rules_unpinned"
