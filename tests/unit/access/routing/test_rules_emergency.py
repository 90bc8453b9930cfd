"""Breaking the glass: asked for, first after denials, told, reviewed; and rules of it that nobody asks for."""

from __future__ import annotations

from fix_routing import CONNECT, DBA, DENY, EMAIL, MARKET, NAME, on, question, rules, verdict
from p0_access.routing.decide import reason_problem, route
from p0_access.routing.decision import Automatic, Emergency, NeedsApproval
from p0_access.routing.explain import explain
from p0_access.routing.lint import KnownGroups, lint

GLASS = 'relations: ["enterprise.*"]'
BREAK = "approval: {break_glass: {notify: [security, ciso], review_within: 24h, max_ttl: 15m}}"
PII = "tags: {pii: [enterprise.customers.email]}"
QUICK = "approval: {break_glass: {notify: [security, data], review_within: 4h}}"


def test_without_asking_for_it_there_are_no_such_rules() -> None:
    found = rules(on(GLASS, BREAK))
    assert verdict(route(found, question(MARKET))) == "deny"
    assert verdict(route(found, question(MARKET, break_glass=True, reason="fire"))) == "auto"


def test_they_come_before_all_others_wherever_they_stand() -> None:
    decision = route(rules(on("", DBA), on(GLASS, BREAK)), question(MARKET, break_glass=True))
    assert isinstance(decision, Automatic)
    assert decision.emergency == Emergency(rules=("r2",), notify=("security", "ciso"), review_within=86_400)
    assert decision.ttl == 900
    assert explain(decision)[-1] == "breaks the glass: security and ciso are told at once, and review it within 1d"


def test_an_explicit_denial_wins_wherever_it_stands() -> None:
    found = rules(on(GLASS, BREAK), on('columns: ["enterprise.customers.email"]', DENY))
    assert verdict(route(found, question(EMAIL, break_glass=True))) == "deny"
    assert verdict(route(found, question(NAME, break_glass=True))) == "auto"


def test_what_they_do_not_cover_is_decided_as_ever() -> None:
    found = rules(on('relations: ["enterprise.customers"]', BREAK), on("", DBA))
    decision = route(found, question(EMAIL, MARKET, break_glass=True))
    assert isinstance(decision, NeedsApproval)
    assert [each.rule for each in decision.requirements] == ["r2"]
    assert decision.emergency is not None
    assert decision.emergency.rules == ("r1",)


def test_an_emergency_that_needs_none_of_them_is_none() -> None:
    decision = route(rules(on(""), on('relations: ["ledger.*"]', BREAK)), question(MARKET, break_glass=True))
    assert isinstance(decision, Automatic)
    assert decision.emergency is None


def test_several_of_them_tell_everybody_and_take_the_shortest_time() -> None:
    found = rules(on('relations: ["enterprise.customers"]', BREAK), on('relations: ["enterprise.markets"]', QUICK))
    decision = route(found, question(EMAIL, MARKET, break_glass=True))
    assert isinstance(decision, Automatic)
    assert decision.emergency == Emergency(
        rules=("r1", "r2"), notify=("security", "ciso", "data"), review_within=4 * 3600
    )


def test_an_emergency_needs_a_reason_whatever_the_rules_say() -> None:
    assert reason_problem(rules(on("")), question(MARKET, break_glass=True)) == "an emergency needs a reason"
    found = rules(on(GLASS, BREAK))
    assert reason_problem(found, question(MARKET, break_glass=True, reason=" ")) == "an emergency needs a reason"
    assert reason_problem(found, question(MARKET, break_glass=True, reason="fire")) is None


def test_connect_alone_is_no_way_in() -> None:
    assert verdict(route(rules(on(GLASS, BREAK)), question(CONNECT, break_glass=True))) == "deny"


def test_neither_takes_from_the_other_in_lint() -> None:
    assert lint(rules(on("", DBA), on(GLASS, BREAK))) == ()
    assert lint(rules(on(GLASS, BREAK), on(GLASS, DBA))) == ()
    denied = lint(rules(on("", DENY), on(GLASS, BREAK)))
    assert [each.code for each in denied] == ["unreachable"]
    assert [each.code for each in lint(rules(on(GLASS, BREAK), on('relations: ["enterprise.customers"]', BREAK)))] == [
        "unreachable"
    ]


def test_a_denial_behind_another_rule_is_reached_in_an_emergency() -> None:
    asked, deny = on("tags: [pii]", DBA), on("tags: [pii]", DENY)
    assert [each.code for each in lint(rules(asked, deny, top=PII))] == ["unreachable"]
    assert lint(rules(asked, deny, on(GLASS, BREAK), top=PII)) == ()


def test_groups_that_nobody_is_in_are_found_there_too() -> None:
    found = lint(rules(on(GLASS, BREAK)), groups=KnownGroups(names=frozenset({"security"}), source="groups.csv"))
    assert [each.message for each in found] == [
        'rule "r1" names the group "ciso", which nobody is in by groups.csv (it has security)'
    ]
