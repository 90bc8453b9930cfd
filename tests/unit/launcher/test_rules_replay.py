"""New rules held against recorded requests: only what would really be decided otherwise is told, and which way."""

from __future__ import annotations

import secrets

import msgspec
import pytest

from fix_people import Issuer, Person
from fix_routing import on, rules
from p0_access.messages.records import Admission, AdmissionRules, Request, Subject, What
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.permission import Permission, column, connect, usage
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.sealing import OpeningKey
from p0_access.routing.decide import route
from p0_access.routing.decision import Denied
from p0_access.routing.rules import RuleSet
from p0_launcher.rules.replay import Recorded, Replay, question_of, replay

NOW = 1_900_000_000
AGENT = SigningKey(b"\x07" * 32)
EMAIL = column("s", "people", "email", "SELECT")
ID = column("s", "people", "id", "SELECT")
CATALOG = Catalog(
    database="sales",
    version="1",
    server_version=18,
    schemas=("s",),
    relations=(
        Relation(
            schema="s",
            name="people",
            kind="table",
            columns=(Column(name="id", type="bigint"), Column(name="email", type="text", comment="p0:pii")),
        ),
    ),
)
TOP = "tags: {pii: []}"
PII = on("tags: [pii]", "approval: {approvers: {groups: [privacy]}}")
OPEN = on("")


def recorded(then: RuleSet, *granted: Permission, ttl: int | None = None) -> Recorded:
    """A request for `granted`, as an agent with the rules `then` decided it."""
    dana = Person(name="dana", groups=("analysts",), issuer=Issuer(), clock=lambda: NOW)
    signed = dana.signer.sign_request(
        agent=AGENT.public.thumbprint,
        rid="r-aaaaaaaa",
        database="sales",
        what=What(statement=("select …",)),
        reason="x",
        ttl=ttl,
        one_shot=False,
        enc=OpeningKey.generate(secrets.token_bytes).public,
    )
    admission = Admission(
        rh=jws.record_hash(signed.record),
        subject=Subject(iss="https://id.corp.example", sub="dana", email="dana@corp.example"),
        groups=("analysts",),
        permissions=(connect("sales"), usage("s"), *granted),
        reached=(),
        objects=(),
        rules=AdmissionRules(sha256=then.sha256, decision=Denied(reasons=(), trace=())),
        warnings=(),
        iat=NOW,
        exp=NOW + 3600,
    )
    asked = question_of(jws.unverified_record(signed.record, Request), admission, CATALOG)
    decided = AdmissionRules(sha256=then.sha256, decision=route(then, asked))
    return Recorded(request=signed.record, admission=jws.sign(msgspec.structs.replace(admission, rules=decided), AGENT))


def replayed(old: RuleSet, new: RuleSet, *granted: Permission, ttl: int | None = None) -> Replay:
    return replay(new, [Recorded(catalog=CATALOG), recorded(old, *granted, ttl=ttl)])


def test_the_same_rules_change_nothing() -> None:
    both = rules(PII, OPEN, top=TOP)
    assert replayed(both, both, EMAIL, ID) == Replay(requests=1, changes=(), automatic={}, not_automatic={}, skipped=())


def test_what_becomes_automatic_is_wider_and_named_by_column() -> None:
    found = replayed(rules(PII, OPEN, top=TOP), rules(OPEN), EMAIL, ID)
    assert [change.direction for change in found.changes] == ["wider"]
    assert (found.automatic, found.not_automatic) == ({EMAIL: 1}, {})


def test_what_needs_people_from_now_on_is_narrower() -> None:
    found = replayed(rules(OPEN), rules(PII, OPEN, top=TOP), EMAIL, ID)
    assert [change.direction for change in found.changes] == ["narrower"]
    assert (found.automatic, found.not_automatic) == ({}, {EMAIL: 1})


@pytest.mark.parametrize(
    ("new", "direction"),
    [
        (on("", "approval: {auto: true, max_ttl: 10m}"), "narrower"),
        (on("", "approval: {deny: No.}"), "narrower"),
        (on("", "approval: {auto: true, max_ttl: 2h}"), None),
        (on("", "approval: {auto: true, step_up: true}"), "narrower"),
    ],
)
def test_time_and_sign_ins_count(new: str, direction: str | None) -> None:
    found = replayed(rules(OPEN), rules(new), ID)
    assert [change.direction for change in found.changes] == ([] if direction is None else [direction])


def test_other_people_are_another_decision_under_whatever_name_of_the_rule() -> None:
    old = rules(PII, OPEN, top=TOP)
    other = rules(PII.replace("privacy", "legal"), OPEN, top=TOP)
    renamed = rules(on("relations: [a.b]"), PII, OPEN, top=TOP)
    assert [change.direction for change in replayed(old, other, EMAIL).changes] == ["other"]
    assert replayed(old, renamed, EMAIL).changes == ()


BOTH = "approval: {all: [{approvers: {groups: [privacy]}}, {approvers: {groups: [legal]}, count: 2}]}"


@pytest.mark.parametrize(
    ("new", "direction"),
    [
        ("approval: {approvers: {groups: [privacy]}}", "wider"),
        ("approval: {all: [{approvers: {groups: [privacy]}}, {approvers: {groups: [legal]}}]}", "wider"),
        (BOTH.replace("count: 2", "count: 3"), "narrower"),
        (BOTH, None),
        (BOTH.replace("legal", "dba"), "other"),
        (BOTH.replace("privacy", "dba"), "other"),
        (BOTH.removesuffix("}") + ", step_up: true}", "narrower"),
        (BOTH.removesuffix("}") + ", max_ttl: 10m}", "narrower"),
        (BOTH.replace("legal", "dba").removesuffix("}") + ", max_ttl: 1h}", "wider"),
        (BOTH.replace("count: 2", "count: 3").removesuffix("}") + ", max_ttl: 1h}", "wider"),
    ],
)
def test_fewer_people_are_wider_and_so_is_more_time(new: str, direction: str | None) -> None:
    capped = BOTH.removesuffix("}") + ", max_ttl: 30m}"
    with_cap = new if "max_ttl" in new else new.removesuffix("}") + ", max_ttl: 30m}"
    found = replayed(
        rules(on("tags: [pii]", capped), OPEN, top=TOP), rules(on("tags: [pii]", with_cap), OPEN, top=TOP), EMAIL
    )
    assert [change.direction for change in found.changes] == ([] if direction is None else [direction])


def test_a_column_that_nobody_is_asked_about_any_more_is_wider() -> None:
    old = rules(on("", "approval: {approvers: {groups: [dba]}}"))
    new = rules(on("columns: ['s.people.id']"), on("", "approval: {approvers: {groups: [dba]}}"))
    found = replayed(old, new, EMAIL, ID)
    assert [change.direction for change in found.changes] == ["wider"]
    assert found.automatic == {ID: 1}


def test_without_its_catalog_a_request_is_not_replayed() -> None:
    found = replay(rules(OPEN), [recorded(rules(PII, OPEN, top=TOP), EMAIL)])
    assert (found.requests, found.changes, found.skipped) == (0, (), ("sales",))
