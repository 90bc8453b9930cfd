"""What holds for every document and question: held against a plain reading of the rules, written anew here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from unittest import mock

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from p0_access.permissions.permission import Permission, column, connect, relation
from p0_access.routing import selection
from p0_access.routing.decide import route
from p0_access.routing.decision import Automatic, Denied, NeedsApproval, Question, Requestor
from p0_access.routing.index import Names
from p0_access.routing.load import load
from p0_access.routing.patterns import Part, parse_pattern
from p0_access.routing.rules import RuleSet

SCHEMAS, RELATIONS, COLUMNS = ["a", "b"], ["x", "yx"], ["c", "d", "e"]
PRIVILEGES = ["SELECT", "UPDATE"]
GROUPS = ["g", "h"]
PARTS = st.sampled_from(["a", "b", "x", "yx", "c", "d", "*", "?", "*x"])
TAGS = {"pii": ["*.x.c", "b.*.d"], "secret": ["a.yx.*"]}
UNHURRIED = settings(deadline=None)
START = datetime(2026, 11, 23, tzinfo=UTC)


def patterns(parts: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.tuples(*[PARTS] * parts).map(".".join), min_size=1, max_size=2)


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, unique=True)


RESOURCES = st.fixed_dictionaries(
    {"databases": st.sampled_from([["*"], ["d*"], ["db"], ["other"]])},
    optional={"schemas": patterns(1), "relations": patterns(2), "columns": patterns(3), "tags": some(list(TAGS))},
)
DURATIONS = st.integers(1, 300).map(lambda minutes: f"{minutes}m")
APPROVALS = st.one_of(
    st.fixed_dictionaries({"auto": st.just(True)}, optional={"max_ttl": DURATIONS}),
    st.fixed_dictionaries({"approvers": st.just({"groups": ["dba"]})}, optional={"max_ttl": DURATIONS}),
    st.just({"deny": "no"}),
)
WINDOWS = st.fixed_dictionaries(
    {"timezone": st.just("UTC")},
    optional={"hours": st.sampled_from(["06:00-18:00", "20:00-02:00"])},
).map(lambda window: window | ({} if "hours" in window else {"days": ["mon"]}))
RULES = st.fixed_dictionaries(
    {"resource": RESOURCES, "approval": APPROVALS},
    optional={
        "requestor": st.fixed_dictionaries({"groups": some(GROUPS)}),
        "access": st.fixed_dictionaries({"privileges": some(PRIVILEGES)}),
        "when": WINDOWS,
    },
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    listed = [{"name": f"r{at}", **rule} for at, rule in enumerate(draw(st.lists(RULES, min_size=1, max_size=6)))]
    return {"version": 1, "defaults": {"max_ttl": draw(DURATIONS)}, "tags": TAGS, "rules": listed}


PERMISSIONS = st.one_of(
    st.builds(column, *map(st.sampled_from, (SCHEMAS, RELATIONS, COLUMNS, PRIVILEGES))),
    st.builds(relation, *map(st.sampled_from, (SCHEMAS, RELATIONS, [*PRIVILEGES, "DELETE"]))),
)


def requestor(groups: list[str]) -> Requestor:
    return Requestor(iss="https://i", sub="u", groups=tuple(groups))


REQUESTORS = st.lists(st.sampled_from(GROUPS)).map(requestor)
COMMENTS = st.dictionaries(
    st.tuples(*map(st.sampled_from, (SCHEMAS, RELATIONS, COLUMNS))), st.just(frozenset({"pii"})), max_size=2
)
QUESTIONS = st.builds(
    Question,
    requestor=REQUESTORS,
    database=st.just("db"),
    kind=st.just("statement"),
    granted=st.lists(PERMISSIONS, min_size=1, max_size=5, unique=True).map(tuple),
    reached=st.lists(PERMISSIONS, max_size=2, unique=True).map(tuple),
    tags=COMMENTS,
    columns=st.just({(schema, name): tuple(COLUMNS) for schema in SCHEMAS for name in RELATIONS}),
    ttl=st.none() | st.integers(1, 20_000),
    at=st.integers(0, 3 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
)  # fmt: skip


def loaded(document: dict[str, Any]) -> RuleSet:
    return load(json.dumps(document).encode(), source="rules.yaml")


def fits(patterns: list[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)  # no name here has a dot, so parts can't blur


def matches(rule: dict[str, Any], question: Question, item: Permission, name: str) -> bool:
    """A plain reading of docs/rules.md, for columns only."""
    resource, full = rule["resource"], f"{item.schema}.{item.object}.{name}"
    tags = {tag for tag, columns in TAGS.items() if fits(columns, full)}
    tags |= question.tags.get((item.schema or "", item.object or "", name), frozenset())
    at = question.at
    hours = rule.get("when", {}).get("hours")
    return (
        bool({*rule.get("requestor", {"groups": GROUPS})["groups"]} & {*question.requestor.groups})
        or "requestor" not in rule
    ) and (
        fits(resource["databases"], question.database)
        and fits(resource.get("schemas", ["*"]), item.schema or "")
        and fits(resource.get("relations", ["*"]), f"{item.schema}.{item.object}")
        and fits(resource.get("columns", ["*"]), full)
        and ("tags" not in resource or bool(tags & {*resource["tags"]}))
        and item.privilege in rule.get("access", {"privileges": [item.privilege]})["privileges"]
        and {
            None: "when" not in rule or at.weekday() == 0,
            "06:00-18:00": 6 <= at.hour < 18,
            "20:00-02:00": at.hour >= 20 or at.hour < 2,
        }[hours]
    )


def first_match(
    document: dict[str, Any], question: Question, item: Permission, name: str, *, reached: bool
) -> str | None:
    for rule in document["rules"]:
        if reached and "deny" not in rule["approval"] and "tags" not in rule["resource"]:
            continue
        if matches(rule, question, item, name):
            return str(rule["name"])
    return None


@UNHURRIED
@given(documents(), QUESTIONS)
def test_the_first_match_decides_each_column(document: dict[str, Any], question: Question) -> None:
    decision = route(loaded(document), question)
    approvals = {rule["name"]: rule["approval"] for rule in document["rules"]}
    decided: set[str | None] = set()
    for items, reached in ((question.granted, False), (question.reached, True)):
        for item in items:
            names = [item.column] if item.column else COLUMNS
            expected = {first_match(document, question, item, name, reached=reached) for name in names}
            expected -= {None} if reached else set()
            traced = {each.rule for each in decision.trace if (each.permission, each.reached) == (item, reached)}
            assert traced == expected
            decided |= expected
    if None in decided or any("deny" in approvals[name] for name in decided if name is not None):
        assert isinstance(decision, Denied)
    elif any("approvers" in approvals[name] for name in decided if name is not None):
        assert isinstance(decision, NeedsApproval)
        assert {each.rule for each in decision.requirements} == {
            name for name in decided if name is not None and "approvers" in approvals[name]
        }
    else:
        assert isinstance(decision, Automatic)


@UNHURRIED
@given(documents(), QUESTIONS)
def test_what_no_rule_is_about_is_denied(document: dict[str, Any], question: Question) -> None:
    stranger = column("nowhere", "nothing", "none", "SELECT")
    rules = [
        rule
        for rule in document["rules"]
        if "schemas" in rule["resource"] and "*" not in str(rule["resource"]["schemas"])
    ]
    if rules:
        asked = msgspec.structs.replace(question, granted=(*question.granted, stranger))
        assert isinstance(route(loaded(document | {"rules": rules}), asked), Denied)


RANK = {Automatic: 0, NeedsApproval: 1, Denied: 2}


@UNHURRIED
@given(documents(), QUESTIONS, PERMISSIONS, st.booleans())
def test_one_permission_more_never_makes_a_verdict_milder(
    document: dict[str, Any], question: Question, more: Permission, reached: bool
) -> None:
    rules = loaded(document)
    field = "reached" if reached else "granted"
    wider = msgspec.structs.replace(question, **{field: (*getattr(question, field), more)})
    assert RANK[type(route(rules, question))] <= RANK[type(route(rules, wider))]


@UNHURRIED
@given(documents(), QUESTIONS)
def test_no_access_is_longer_than_any_cap(document: dict[str, Any], question: Question) -> None:
    rules = loaded(document)
    decision = route(rules, question)
    if isinstance(decision, Denied):
        return
    assert 1 <= decision.ttl <= rules.defaults.max_ttl
    assert question.ttl is None or decision.ttl <= question.ttl
    for name in {each.rule for each in decision.trace} - {None}:
        rule = rules.by_name[str(name)]
        assert rule.max_ttl is None or decision.ttl <= rule.max_ttl
        if rule.when is not None:
            closes = rule.when.open_until(question.at)
            assert closes is not None
            assert question.at + timedelta(seconds=decision.ttl) <= closes
            assert decision.not_after is not None
            assert decision.not_after <= closes.timestamp()


@UNHURRIED
@given(documents(), QUESTIONS)
def test_implied_permissions_change_nothing(document: dict[str, Any], question: Question) -> None:
    rules = loaded(document)
    with_connect = msgspec.structs.replace(question, granted=(connect("db"), *question.granted))
    assert type(route(rules, question)) is type(route(rules, with_connect))


@UNHURRIED
@given(documents(), QUESTIONS)
def test_the_same_question_has_the_same_answer(document: dict[str, Any], question: Question) -> None:
    rules = loaded(document)
    assert route(rules, question) == route(rules, question) == route(loaded(document), question)


@UNHURRIED
@given(documents(), QUESTIONS)
def test_looking_columns_up_changes_nothing(document: dict[str, Any], question: Question) -> None:
    plain = route(loaded(document), question)
    with mock.patch.object(selection, "FEW", -1):
        assert route(loaded(document), question) == plain


NAMED = st.text("ab", max_size=4)
GLOBS = st.text("ab*?", min_size=1, max_size=5).map(lambda text: parse_pattern(text, "name").parts[0])


@given(st.lists(GLOBS, max_size=6), NAMED)
def test_a_look_up_leaves_out_no_pattern_that_fits(parts: list[Part], name: str) -> None:
    names: Names[int] = Names()
    for number, part in enumerate(parts):
        names.add(part, number)
    assert {number for number, part in enumerate(parts) if part.fits(name)} <= set(names.near(name))
