"""What a decision says beside its verdict: time, requirements, reasons, the trace."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from fix_routing import (
    AUTO,
    CONNECT,
    DBA,
    DENY,
    EMAIL,
    MARKET,
    NAME,
    NOON,
    PII,
    TAGGED,
    VIEW,
    on,
    question,
    rules,
    verdict,
)
from p0_access.encoding import MAX_RECORD_BYTES
from p0_access.permissions.permission import column
from p0_access.routing.decide import reason_problem, route
from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval

# Time

OFFICE = 'when: {days: [mon-fri], hours: "09:00-18:00", timezone: UTC}'


def limits(decision: Decision) -> tuple[int, str, int | None]:
    assert isinstance(decision, Automatic | NeedsApproval)
    return decision.ttl, decision.ttl_because, decision.not_after


def test_the_least_of_all_caps() -> None:
    top = "defaults: {max_ttl: 2h}"
    given = rules(
        on("relations: [enterprise.markets]", "approval: {auto: true, max_ttl: 30m}"),
        on("", "approval: {approvers: {groups: [dba]}, max_ttl: 10m}"),
        top=top,
    )
    assert limits(route(given, question(MARKET))) == (1800, "capped by rule r1", None)
    assert limits(route(given, question(MARKET, ttl=60))) == (60, "as asked", None)
    assert limits(route(given, question(MARKET, EMAIL, ttl=7200))) == (600, "capped by rule r2", None)
    assert limits(route(rules(on(""), top=top), question(MARKET))) == (7200, "the default cap", None)
    assert limits(route(rules(on("", "approval: {auto: true, max_ttl: 8h}"), top=top), question(MARKET)))[0] == 7200


def test_a_cap_of_what_is_reached_counts() -> None:
    tagged = on("tags: [pii]", "approval: {auto: true, max_ttl: 5m}")
    assert limits(route(rules(tagged, on(""), top=TAGGED), question(VIEW, reached=(EMAIL,))))[0] == 300


def test_a_window_opens_and_caps() -> None:
    given = rules(on("", AUTO, OFFICE))
    closes = int((NOON + timedelta(hours=6)).timestamp())
    assert limits(route(given, question(MARKET))) == (3600, "the default cap", closes)
    late = NOON + timedelta(hours=5, minutes=50)
    assert limits(route(given, question(MARKET, at=late))) == (600, "until the window of rule r1 closes", closes)
    within = NOON + timedelta(hours=5, minutes=59, seconds=50.5)
    assert limits(route(given, question(MARKET, at=within)))[0] == 9
    assert verdict(route(given, question(MARKET, at=NOON + timedelta(hours=6)))) == "deny"
    assert verdict(route(given, question(MARKET, at=NOON + timedelta(hours=5, minutes=59, seconds=59.5)))) == "deny"


def test_an_instant_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="time zone"):
        route(rules(on("")), question(MARKET, at=NOON.replace(tzinfo=None)))


# Requirements, reasons, traces


def test_all_asks_each_and_a_requirement_names_its_permissions() -> None:
    both = "approval: {all: [{approvers: {groups: [privacy]}, count: 2}, {approvers: {groups: [managers]}}]}"
    decision = route(
        rules(on("relations: [enterprise.customers]", both), on("")), question(EMAIL, MARKET, NAME, CONNECT)
    )
    assert isinstance(decision, NeedsApproval)
    assert [(each.approvers.groups, each.count, each.permissions) for each in decision.requirements] == [
        (("privacy",), 2, (EMAIL, NAME)),
        (("managers",), 1, (EMAIL, NAME)),
    ]


def test_reasons_of_a_denial() -> None:
    given = rules(on("schemas: [ledger]", "approval: {deny: 'Use {a} migration.'}"))
    writes = [column("ledger", "e", name, "INSERT") for name in ("a", "b", "c")]
    decision = route(given, question(*writes, EMAIL))
    assert isinstance(decision, Denied)
    assert decision.reasons == (
        "Use {a} migration. (INSERT (a, b and c) on ledger.e; rule r1)",
        "no rule covers SELECT (email) on enterprise.customers",
    )
    reached = route(given, question(VIEW, reached=(writes[0],)))
    assert isinstance(reached, Denied)
    assert reached.reasons[-1] == "Use {a} migration. (INSERT (a) on ledger.e, which this reaches; rule r1)"


@pytest.mark.parametrize(("top", "approval", "reason", "missing"), [
    ("", "auto: true", "", False),
    ("defaults: {require_reason: true}", "auto: true", "", True),
    ("defaults: {require_reason: true}", "auto: true", " \n", True),
    ("defaults: {require_reason: true}", "auto: true", "INC-1", False),
    ("", "auto: true, require_reason: true", "", True),
    ("", "auto: true, require_reason: true", "INC-1", False),
])  # fmt: skip
def test_a_missing_reason(top: str, approval: str, reason: str, *, missing: bool) -> None:
    given = rules(on("", f"approval: {{{approval}}}"), top=top)
    asked = question(MARKET, reason=reason)
    assert (reason_problem(given, asked) is not None) is missing
    assert verdict(route(given, asked)) == "auto"


@pytest.mark.parametrize(
    ("reason", "fits"),
    [
        ("OPS-123", True),
        ("Fix of OPS-123: a typo", True),
        ("see (chg/2026-7).", False),
        ("see (CHG/2026-7).", True),
        ("XOPS-123", False),
        ("OPS-123x", False),
        ("OPS-", False),
        ("OPS-\u0661", False),
        ("", False),
    ],
)
def test_a_reason_must_name_a_ticket(reason: str, *, fits: bool) -> None:
    given = rules(on("", 'approval: {auto: true, reason: ["OPS-#", "CHG/#-#"]}'))
    problem = reason_problem(given, question(MARKET, reason=reason))
    assert problem == (None if fits else "rule r1 wants a reason that names OPS-# or CHG/#-# (# stands for digits)")


def test_the_reason_of_a_rule_that_decides_nothing_is_not_asked_for() -> None:
    given = rules(on("schemas: [ledger]", "approval: {auto: true, require_reason: true}"), on(""))
    assert reason_problem(given, question(MARKET)) is None


def test_the_trace_has_every_rule_considered_with_the_first_thing_that_does_not_fit() -> None:
    given = rules(
        on("", AUTO, "requestor: {groups: [sre]}"),
        "resource: {databases: [crm]}\n" + AUTO,
        on("", AUTO, "access: {kinds: [grant]}"),
        on("", AUTO, "when: {days: [sun], timezone: UTC}"),
        on("schemas: [ledger]"),
        on("relations: [enterprise.markets, enterprise.orders]"),
        on("columns: [enterprise.customers.id]"),
        on("tags: [pii]"),
        on("", AUTO, "access: {privileges: [UPDATE, DELETE]}"),
        on("roles: [a]"),
        on("", DBA),
        on(""),
        top="tags: {pii: []}",
    )  # fmt: skip
    traced, implied = route(given, question(NAME, CONNECT)).trace
    assert [(each.rule, each.because) for each in traced.considered] == [
        ("r1", "the requestor is not in sre"),
        ("r2", "the database is not crm"),
        ("r3", "the request is a statement, not a grant"),
        ("r4", "it is not sun UTC"),
        ("r5", "the schema is not ledger"),
        ("r6", "the relation is not enterprise.markets or enterprise.orders"),
        ("r7", "the column is not enterprise.customers.id"),
        ("r8", "the column is not pii"),
        ("r9", "the privilege is not DELETE or UPDATE"),
        ("r10", "the rule is not about relations"),
        ("r11", "SELECT (name) on enterprise.customers"),
    ]
    assert [each.matched for each in traced.considered] == [False] * 10 + [True]
    assert (traced.outcome, traced.rule, traced.omitted) == ("approvers", "r11", 0)
    assert (implied.permission, implied.outcome, implied.because) == (CONNECT, "implied", "follows what it carries")


def test_a_long_document_keeps_its_trace_small() -> None:
    other_people = [on("", AUTO, "requestor: {groups: [sre]}")] * 500
    other_tables = [on(f"relations: [enterprise.t{number}]") for number in range(500)]
    given = rules(*other_people, *other_tables, on(""))
    many = tuple(column("enterprise", "customers", f"c{number}", "SELECT") for number in range(200))
    decision = route(given, question(*many))
    for traced in decision.trace:
        assert traced.considered[-1].matched
        assert traced.considered[0].rule == "r501"
        assert len(traced.considered) + traced.omitted == 1001
    assert len(msgspec.json.encode(decision)) < MAX_RECORD_BYTES / 2


def test_a_decision_survives_the_wire() -> None:
    for decision in (
        route(rules(*PII, top=TAGGED), question(EMAIL, VIEW, reached=(EMAIL,))),
        route(rules(on("", AUTO, OFFICE)), question(MARKET, CONNECT)),
        route(rules(on("", DENY)), question(MARKET)),
    ):
        assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_a_long_list_is_cut_in_sentences() -> None:
    names = [column("enterprise", "markets", name, "SELECT") for name in "abcdef"]
    decision = route(rules(on("schemas: [ledger]")), question(*names))
    assert isinstance(decision, Denied)
    assert decision.reasons[0].endswith("SELECT (a, b, c and 3 more) on enterprise.markets")
