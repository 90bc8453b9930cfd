"""A decision in words."""

from __future__ import annotations

import msgspec

from fix_routing import AUTO, CONNECT, EMAIL, MARKET, NAME, PII, TAGGED, VIEW, on, question, rules
from p0_access.permissions.permission import column, relation
from p0_access.routing.decide import route
from p0_access.routing.explain import explain, explain_trace

PRIVACY = "approval: {approvers: {groups: [privacy]}, max_ttl: 30m}"
READS = "access: {privileges: [SELECT]}"


def test_automatic() -> None:
    given = rules(on("", AUTO, READS))
    assert explain(route(given, question(MARKET, EMAIL))) == ("automatic for 1h (the default cap), by rule r1",)
    two = rules(on("relations: [enterprise.markets]"), on(""))
    assert explain(route(two, question(MARKET, EMAIL, ttl=300))) == ("automatic for 5m (as asked), by rules r1 and r2",)


def test_needs_approval() -> None:
    given = rules(on("tags: [pii]", PRIVACY), on(""), top=TAGGED)
    assert explain(route(given, question(EMAIL, NAME))) == (
        "needs approval: 1 of privacy (rule r1) because enterprise.customers.email is pii",
        "for 30m (capped by rule r1)",
    )


def test_an_approval_whose_trace_is_not_there_is_still_told() -> None:
    decision = route(rules(on("tags: [pii]", PRIVACY), top=TAGGED), question(EMAIL))
    bare = msgspec.structs.replace(decision, trace=())
    assert explain(bare)[0] == "needs approval: 1 of privacy (rule r1)"


def test_needs_approval_for_what_is_reached() -> None:
    decision = route(rules(*PII, top=TAGGED), question(VIEW, reached=(EMAIL,)))
    assert explain(decision)[0] == (
        "needs approval: 1 of privacy (rule r1) because enterprise.customers.email is pii (reached)"
    )


def test_denied() -> None:
    given = rules(on("schemas: [ledger]", "approval: {deny: Use a migration.}"))
    decision = route(given, question(relation("ledger", "entries", "DELETE"), MARKET))
    assert explain(decision) == (
        "denied: Use a migration. (DELETE on ledger.entries; rule r1)",
        "denied: no rule covers SELECT (id) on enterprise.markets",
    )


def test_the_trace() -> None:
    given = rules(on("schemas: [ledger]"), *PII, top=TAGGED)
    decision = route(given, question(MARKET, CONNECT, reached=(EMAIL,)))
    assert explain_trace(decision.trace) == (
        "SELECT (id) on enterprise.markets: automatic (rule r3)",
        "  r1: no: the schema is not ledger",
        "  r2: no: the column is not pii",
        "  r3: matches: SELECT (id) on enterprise.markets",
        "CONNECT on database sales: implied: follows what it carries",
        "SELECT (email) on enterprise.customers, which this reaches: needs approval (rule r2)",
        "  r2: matches: enterprise.customers.email is pii",
    )


def test_columns_that_fared_alike_stand_together() -> None:
    tags = "tags: {pii: ['enterprise.customers.p?']}"
    both = "approval: {all: [{approvers: {groups: [privacy]}}, {approvers: {groups: [managers]}, count: 2}]}"
    given = rules(on("tags: [pii]", both), on("relations: [enterprise.customers]", AUTO, READS), top=tags)
    personal = [column("enterprise", "customers", f"p{number}", "SELECT") for number in range(9)]
    plain = [column("enterprise", "customers", f"c{number}", "SELECT") for number in range(3)]
    write = column("enterprise", "customers", "c0", "UPDATE")
    decision = route(given, question(*plain, *personal))
    assert explain(decision)[0] == (
        "needs approval: 1 of privacy and 2 of managers (rule r1) because p0, p1, p2 and 6 more of "
        "enterprise.customers are pii"
    )
    assert explain_trace(decision.trace) == (
        "SELECT (c0, c1, c2) on enterprise.customers: automatic (rule r2)",
        "  r1: no: the column is not pii",
        "  r2: matches: SELECT (c0, c1 and c2) on enterprise.customers",
        "SELECT (p0, p1, p2, p3, p4, p5, p6, p7, p8) on enterprise.customers: needs approval (rule r1)",
        "  r1: matches: p0, p1, p2 and 6 more of enterprise.customers are pii",
    )
    assert explain(route(given, question(write, MARKET, *personal)))[0] == (
        "denied: no rule covers UPDATE (c0) on enterprise.customers and SELECT (id) on enterprise.markets"
    )
    nobody = rules(on("relations: [enterprise.markets]"))
    assert explain(route(nobody, question(*personal, reached=(MARKET,)))) == (
        "denied: no rule covers SELECT (p0, p1, p2 and 6 more) on enterprise.customers",
    )


def test_a_trace_with_rules_left_out_says_so() -> None:
    given = rules(*[on("", AUTO, "requestor: {groups: [sre]}")] * 500, on(""))
    lines = explain_trace(route(given, question(MARKET)).trace)
    assert lines[-1] == "  and 500 more rules that do not match"
