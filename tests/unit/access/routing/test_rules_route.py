"""Routing, case by case: one document, one question, one verdict."""

from __future__ import annotations

import msgspec
import pytest

from fix_routing import (
    AUTO,
    CONNECT,
    DANA,
    DBA,
    DEFINER,
    DENY,
    EMAIL,
    FUNCTION,
    INSERT,
    LARGE_OBJECT,
    MARKET,
    NAME,
    NOON,
    PII,
    ROLE,
    SEQUENCE,
    TAGGED,
    TEMPORARY,
    TYPE,
    VIEW,
    on,
    question,
    rules,
    verdict,
)
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.permission import Kind, Permission, any_column, column, connect, relation, usage
from p0_access.routing.decide import route
from p0_access.routing.decision import Denied, NeedsApproval
from p0_access.routing.explain import explain_trace
from p0_access.routing.question import ask

MARKETS = on("relations: [enterprise.markets]")
ONE_COLUMN = on("columns: [enterprise.markets.id]")
SELECT_ALL, DELETE = (relation("enterprise", "markets", privilege) for privilege in ("SELECT", "DELETE"))

CASES = [
    # first match
    ("the first rule that matches decides", [on("", DBA), on("")], [MARKET], "approvers: r1"),
    ("a rule that does not match is passed", [on("schemas: [ledger]", DENY), on("")], [MARKET], "auto"),
    ("nothing matches", [on("schemas: [ledger]")], [MARKET], "deny"),
    ("one permission without a rule denies all", [MARKETS], [MARKET, EMAIL], "deny"),
    ("all must be automatic", [MARKETS, on("", DBA)], [MARKET, EMAIL], "approvers: r2"),
    (
        "each rule that decides asks for its own",
        [on("relations: [enterprise.markets]", "approval: {approvers: {groups: [a]}}"), on("", DBA)],
        [MARKET, EMAIL],
        "approvers: r1 r2",
    ),
    ("a denial outweighs", [on("relations: [enterprise.markets]", DENY), on("", DBA)], [MARKET, EMAIL], "deny"),
    # resources
    ("another database", ["resource: {databases: [crm]}\n" + AUTO], [MARKET], "deny"),
    ("a database by pattern", ['resource: {databases: ["sal*"]}\n' + AUTO], [MARKET], "auto"),
    ("a column", [on("columns: [enterprise.customers.name]")], [NAME], "auto"),
    ("another column", [on("columns: [enterprise.customers.name]")], [EMAIL], "deny"),
    ("both narrow", [on('relations: [enterprise.markets], columns: ["*.*.id"]')], [NAME], "deny"),
    ("a function", [on("functions: [enterprise.rate]")], [FUNCTION], "auto"),
    ("a function by its arguments", [on("functions: [enterprise.rate(date)]")], [FUNCTION], "deny"),
    ("a rule about relations is not about functions", [on('relations: ["*.*"]')], [FUNCTION], "deny"),
    ("a rule about functions is not about relations", [on('functions: ["*.*"]')], [MARKET], "deny"),
    ("a rule about everything is about functions", [on("schemas: [enterprise]")], [FUNCTION], "auto"),
    ("a definer function by a rule about everything", [on("")], [DEFINER], "deny"),
    ("a definer function by a glob", [on('functions: ["enterprise.*"]')], [DEFINER], "deny"),
    ("a definer function by its name", [on("functions: [enterprise.close_books]")], [DEFINER], "auto"),
    ("a definer function by its arguments", [on("functions: [enterprise.close_books(date)]")], [DEFINER], "auto"),
    ("another overload of it", [on("functions: [enterprise.close_books(text)]")], [DEFINER], "deny"),
    ("beside a glob that fits", [on('functions: ["enterprise.*", enterprise.rate]')], [DEFINER], "deny"),
    ("a denial need not name it", [on("", DENY), on("functions: [enterprise.close_books]")], [DEFINER], "deny"),
    ("a type", [on("types: [enterprise.mood]")], [TYPE], "auto"),
    ("another type", [on("types: [enterprise.euros]")], [TYPE], "deny"),
    ("a type in its schema", [on("schemas: [enterprise]")], [TYPE], "auto"),
    ("a rule about types is about nothing else", [on('types: ["*.*"]')], [MARKET], "deny"),
    ("a large object", [on('large_objects: ["4711"]')], [LARGE_OBJECT], "auto"),
    ("another large object", [on('large_objects: ["471"]')], [LARGE_OBJECT], "deny"),
    ("any large object", [on('large_objects: ["*"]')], [LARGE_OBJECT], "auto"),
    ("a large object is in no schema", [on('schemas: ["*"]')], [LARGE_OBJECT], "deny"),
    ("a rule about everything", [on("")], [LARGE_OBJECT], "auto"),
    ("a sequence on its own", [on("sequences: [enterprise.orders_id_seq]")], [SEQUENCE], "auto"),
    ("a sequence is no relation", [on('relations: ["*.*"]')], [SEQUENCE], "deny"),
    ("a role", [on("roles: [reporting]")], [ROLE], "auto"),
    ("a role is never meant by the way", [on("")], [ROLE], "deny"),
    ("but a denial of everything means roles too", [on("", DENY), on("roles: [reporting]")], [ROLE], "deny"),
    ("a privilege on the database", [on("")], [TEMPORARY], "auto"),
    ("a privilege on the database is in no schema", [on('schemas: ["*"]')], [TEMPORARY], "deny"),
    ("CREATE on a schema is in it", [on("schemas: [x]")], [Permission(Kind.SCHEMA, None, "x", None, "CREATE")], "auto"),
    # privileges
    ("a privilege", [on("", AUTO, "access: {privileges: [SELECT]}")], [MARKET], "auto"),
    ("another privilege", [on("", AUTO, "access: {privileges: [UPDATE]}")], [MARKET], "deny"),
    # implied
    ("CONNECT and USAGE follow", [MARKETS], [CONNECT, usage("enterprise"), MARKET], "auto"),
    ("CONNECT alone is routed", [MARKETS], [CONNECT], "deny"),
    ("CONNECT alone, allowed", [on("", AUTO, "access: {privileges: [CONNECT]}")], [CONNECT, usage("pg")], "auto"),
    ("nothing at all is CONNECT", [on("", AUTO, "access: {privileges: [CONNECT]}")], [], "auto"),
    ("CONNECT elsewhere is not implied", ['resource: {databases: ["*"]}\n' + AUTO], [connect("crm"), MARKET], "deny"),
    # whole relations
    ("a whole relation by a rule about all of it", [MARKETS], [DELETE], "auto"),
    ("a whole relation without its columns", [ONE_COLUMN, on("")], [SELECT_ALL], "deny"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "granted", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_verdicts(given: list[str], granted: list[Permission], expected: str) -> None:
    asked = question(*granted, definers=frozenset({("enterprise", "close_books(date)")}))
    assert verdict(route(rules(*given), asked)) == expected


def test_why_a_rule_does_not_give_a_definer_function() -> None:
    asked = question(DEFINER, definers=frozenset({("enterprise", "close_books(date)")}))
    told = "\n".join(explain_trace(route(rules(on("")), asked).trace))
    assert "runs with its owner's rights, and the rule does not name it" in told


REQUESTORS = [
    ("{groups: [sre, analysts]}", True),
    ("{groups: [sre]}", False),
    ('{subjects: ["https://id.corp.example#dana"]}', True),
    ('{subjects: ["https://other.example#dana"]}', False),
    ('{issuer: "https://id.corp.example", subjects: [dana]}', True),
    ('{issuer: "https://other.example", groups: [analysts]}', False),
    ('{issuer: "https://id.corp.example", emails: ["*@corp.example"]}', True),
    ('{issuer: "https://id.corp.example", emails: ["eve@corp.example"]}', False),
    ('{issuer: "https://other.example", emails: ["*@corp.example"]}', False),
    ('{issuer: "https://id.corp.example", groups: [sre], emails: ["dana@corp.example"]}', True),
]


@pytest.mark.parametrize(("requestor", "meant"), REQUESTORS)
def test_for_whom_a_rule_is(requestor: str, *, meant: bool) -> None:
    given = rules(on("", AUTO, f"requestor: {requestor}"))
    assert verdict(route(given, question(MARKET))) == ("auto" if meant else "deny")


def test_an_unverified_address_counts_for_nothing() -> None:
    given = rules(on("", AUTO, 'requestor: {issuer: "https://id.corp.example", emails: ["*@corp.example"]}'))
    nobody = msgspec.structs.replace(DANA, email=None)
    assert verdict(route(given, question(MARKET, requestor=nobody))) == "deny"


@pytest.mark.parametrize(("kinds", "kind", "expected"), [
    ("statement", "statement", "auto"), ("statement", "grant", "deny"), ("grant, statement", "grant", "auto"),
])  # fmt: skip
def test_kinds_of_request(kinds: str, kind: str, expected: str) -> None:
    assert verdict(route(rules(on("", AUTO, f"access: {{kinds: [{kinds}]}}")), question(MARKET, kind=kind))) == expected


# Tags


def test_tags_of_the_document() -> None:
    assert verdict(route(rules(*PII, top=TAGGED), question(EMAIL))) == "approvers: r1"
    assert verdict(route(rules(*PII, top=TAGGED), question(NAME))) == "auto"


def test_tags_in_comments_come_on_top() -> None:
    tags = {("enterprise", "customers", "name"): frozenset({"pii"})}
    given = rules(*PII, top=TAGGED)
    assert verdict(route(given, question(NAME, tags=tags))) == "approvers: r1"
    assert verdict(route(given, question(EMAIL, tags=tags))) == "approvers: r1"


def test_a_tag_and_a_relation_narrow_each_other() -> None:
    given = rules(on("tags: [pii], relations: [enterprise.markets]", DENY), on(""), top=TAGGED)
    assert verdict(route(given, question(EMAIL))) == "auto"


# Whole relations

COLUMNS = {("enterprise", "customers"): ("id", "name", "email")}


@pytest.mark.parametrize("permission", [
    relation("enterprise", "customers", "SELECT"),
    relation("enterprise", "customers", "DELETE"),
    any_column("enterprise", "customers", "SELECT"),
])  # fmt: skip
def test_a_whole_relation_is_as_good_as_the_least_of_its_columns(permission: Permission) -> None:
    asked = question(permission, columns=COLUMNS)
    assert verdict(route(rules(*PII, top=TAGGED), asked)) == "approvers: r1"
    some = rules(on('columns: ["enterprise.customers.*m*"]'))
    assert verdict(route(some, asked)) == "deny"
    assert verdict(route(rules(on('columns: ["enterprise.customers.*"]')), asked)) == "auto"


def test_a_whole_relation_says_which_columns_decide() -> None:
    decision = route(rules(*PII, top=TAGGED), question(relation("enterprise", "customers", "SELECT"), columns=COLUMNS))
    assert [(item.rule, item.because) for item in decision.trace] == [("r2", "for id and name"), ("r1", "for email")]
    denied = route(
        rules(on("columns: [enterprise.customers.id]")),
        question(relation("enterprise", "customers", "SELECT"), columns=COLUMNS),
    )
    assert isinstance(denied, Denied)
    assert denied.reasons == ("no rule covers SELECT on enterprise.customers for name and email",)


def test_a_relation_without_columns() -> None:
    asked = question(relation("enterprise", "customers", "SELECT"), columns={("enterprise", "customers"): ()})
    assert verdict(route(rules(*PII, top=TAGGED), asked)) == "auto"


# What is reached


def test_tags_and_denials_look_at_what_is_reached() -> None:
    pii = rules(*PII, top=TAGGED)
    decision = route(pii, question(VIEW, MARKET, reached=(EMAIL,)))
    assert isinstance(decision, NeedsApproval)
    assert [each.rule for each in decision.requirements] == ["r1"]
    assert decision.requirements[0].permissions == (VIEW, MARKET)
    assert verdict(route(pii, question(VIEW, reached=(NAME,)))) == "auto"
    ledger = rules(on("schemas: [ledger]", DENY), on(""))
    assert verdict(route(ledger, question(VIEW, reached=(relation("ledger", "entries", "DELETE"),)))) == "deny"


def test_other_rules_do_not_look_at_what_is_reached() -> None:
    only_the_view = rules(on("relations: [enterprise.customers]", DBA), on("relations: [enterprise.contacts]"))
    assert verdict(route(only_the_view, question(VIEW, reached=(EMAIL, usage("enterprise"))))) == "auto"


def test_the_first_of_the_rules_that_look_at_it_decides() -> None:
    privacy = on("tags: [pii]", AUTO, "requestor: {groups: [analysts]}")
    assert verdict(route(rules(privacy, *PII, top=TAGGED), question(VIEW, reached=(EMAIL,)))) == "auto"


def test_an_unknown_reach_is_never_automatic() -> None:
    assert verdict(route(rules(on("")), question(VIEW, reach_unknown=True))) == "deny"
    assert verdict(route(rules(on("", DBA)), question(VIEW, reach_unknown=True))) == "approvers: r1"


def test_a_reached_relation_with_unknown_columns_is_denied_only_where_they_matter() -> None:
    whole = relation("enterprise", "customers", "DELETE")
    assert verdict(route(rules(*PII, top=TAGGED), question(VIEW, reached=(whole,)))) == "deny"
    assert verdict(route(rules(on("")), question(VIEW, reached=(whole,)))) == "auto"


# Sequences behind defaults

OWNERS = {("enterprise", "orders_id_seq"): (("enterprise", "orders"),)}
ORDERS = on("relations: [enterprise.orders]")


def test_a_sequence_behind_a_default_follows_the_insert() -> None:
    decision = route(rules(ORDERS), question(SEQUENCE, INSERT, sequence_owners=OWNERS))
    assert verdict(decision) == "auto"
    assert (decision.trace[0].outcome, decision.trace[0].because) == (
        "implied",
        "follows INSERT on enterprise.orders",
    )


@pytest.mark.parametrize("granted", [
    (SEQUENCE,),
    (SEQUENCE, column("enterprise", "orders", "total", "SELECT")),
    (SEQUENCE, column("enterprise", "other", "total", "INSERT")),
    (Permission(Kind.SEQUENCE, "enterprise", "orders_id_seq", None, "UPDATE"), INSERT),
    (Permission(Kind.SEQUENCE, "enterprise", "other_seq", None, "USAGE"), INSERT),
])  # fmt: skip
def test_any_other_sequence_stands_alone(granted: tuple[Permission, ...]) -> None:
    every_table = rules(on('relations: ["*.*"]'))
    assert verdict(route(every_table, question(*granted, sequence_owners=OWNERS))) == "deny"


# Asking with a catalog

CATALOG = Catalog(
    database="sales",
    version="v1",
    server_version=18,
    schemas=("enterprise",),
    relations=(
        Relation(
            schema="enterprise",
            name="customers",
            kind="table",
            columns=(
                Column(name="email", type="text"),
                Column(name="phone", type="text", comment="mobile, p0:pii"),
                Column(name="name", type="text"),
            ),
        ),
        Relation(
            schema="enterprise",
            name="orders",
            kind="table",
            columns=(Column(name="id", type="integer"), Column(name="total", type="numeric")),
            serials={"id": ("enterprise", "orders_id_seq")},
        ),
    ),
)


def test_asking_settles_and_looks_up() -> None:
    given = rules(*PII, top=TAGGED)
    count = any_column("enterprise", "customers", "SELECT")
    whole = relation("enterprise", "customers", "DELETE")
    asked = ask(given, CATALOG, requestor=DANA, kind="statement", granted=[count, whole, INSERT, SEQUENCE], at=NOON)
    assert NAME in asked.granted  # neither tagged by the document nor by a comment
    assert count not in asked.granted
    assert asked.columns["enterprise", "customers"] == ("email", "phone", "name")
    assert asked.tags == {("enterprise", "customers", "phone"): frozenset({"pii"})}
    assert asked.sequence_owners == OWNERS
    assert asked.database == "sales"
    assert verdict(route(given, asked)) == "approvers: r1"
