"""Test cases for rules: the worked policies hold, and a case that doesn't says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from p0_access.errors import RulesError
from p0_access.permissions.catalog import Catalog
from p0_access.routing.lint import lint
from p0_access.routing.load import load
from p0_launcher.rules.cases import Case, load_cases, run

POLICIES = Path(__file__).parents[3] / "docs" / "policies"
NAMES = sorted(path.name for path in POLICIES.iterdir() if path.is_dir())


def no_catalog(name: str) -> Catalog:
    raise AssertionError(name)


def cases(text: str) -> tuple[Case, ...]:
    return load_cases(text.encode(), source="cases.yaml", catalog=no_catalog)


def test_the_policies_are_all_listed() -> None:
    listed = (POLICIES / "README.md").read_text(encoding="utf-8")
    assert NAMES == ["ci-only", "data-platform", "regulated-bank", "startup"]
    assert all(f"({name}/rules.yaml)" in listed for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_worked_policy_means_what_its_cases_say(name: str) -> None:
    folder = POLICIES / name
    rules = load((folder / "rules.yaml").read_bytes(), source=f"{name}/rules.yaml")
    assert lint(rules) == ()
    loaded = load_cases((folder / "cases.yaml").read_bytes(), source=f"{name}/cases.yaml", catalog=no_catalog)
    ran = [run(rules, case) for case in loaded]
    assert {each.case.name: each.problems for each in ran if each.problems} == {}
    decided = {item.rule for each in ran if each.decision for item in each.decision.trace}
    assert {rule.name for rule in rules.rules} - decided <= {"schema-changes-are-migrations"}, "a rule without a case"


def test_the_cases_in_the_documentation_hold() -> None:
    document = (POLICIES.parent / "rules.md").read_text(encoding="utf-8")
    rules, *_, written = re.findall(r"^```yaml\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    (found,) = cases(written)
    assert run(load(rules.encode(), source="rules.md"), found).problems == ()


RULES = load(
    b"version: 1\ndefaults: {require_reason: true}\nrules:\n"
    b"  - name: reads\n    requestor: {groups: [analysts]}\n    resource: {databases: [sales]}\n"
    b"    access: {privileges: [SELECT]}\n    approval: {approvers: {groups: [dba]}, max_ttl: 10m}\n",
    source="rules.yaml",
)
TOP = "version: 1\ntables:\n  s.t: [id bigint, name]\ncases:\n"


def case(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"{TOP}  - name: one\n    database: sales\n    requestor: {{groups: [analysts]}}\n{body}\n"


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        (("sql: select id from s.t", "reason: x", "expect: {verdict: approvers, rules: [reads], ttl: 10m}"), ()),
        (("grant: [SELECT on s.t(name)]", "reason: x", "expect: {verdict: approvers, asks: [1 of dba]}"), ()),
        (
            ("sql: select id from s.t", "reason: x", "expect: {verdict: auto, rules: [no], asks: [2 of dba], ttl: 1h}"),
            (
                "the verdict is approvers, not auto",
                "decided by reads, not no",
                "it asks 1 of dba, not 2 of dba",
                "it lasts 10m, not 1h",
            ),
        ),
        (
            ("sql: select id from s.t", "expect: {verdict: approvers}"),
            ("a reason is required",),
        ),
        (
            ("sql: delete from s.t", "reason: x", "expect: {verdict: deny, says: Never}"),
            ("it does not say 'Never' but 'no rule covers DELETE on s.t for id and name'",),
        ),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_told(lines: tuple[str, ...], problems: tuple[str, ...]) -> None:
    (found,) = cases(case(*lines))
    assert run(RULES, found).problems == problems


def test_who_may_later_and_whom_an_emergency_tells() -> None:
    rules = load(
        b"version: 1\ndefaults: {step_up_for_writes: false}\nrules:\n"
        b"  - name: reads\n    resource: {databases: [sales]}\n"
        b"    approval: {approvers: {groups: [dba]}, escalate: {after: 15m, to: {groups: [oncall]}}}\n"
        b"  - name: glass\n    resource: {databases: [sales], relations: ['s.*']}\n"
        b"    approval: {break_glass: {notify: [security], review_within: 1d}}\n",
        source="rules.yaml",
    )

    def problems(*lines: str) -> tuple[str, ...]:
        (found,) = cases(case("sql: select id from s.t", "reason: x", *lines))
        return run(rules, found).problems

    assert problems('expect: {verdict: approvers, later: ["15m: oncall"]}') == ()
    assert problems('expect: {verdict: approvers, later: ["1h: sre"], tells: [dba]}') == (
        "later it asks 15m: oncall, not 1h: sre",
        "it tells nobody, not dba",
    )
    assert problems("break_glass: true", "expect: {verdict: auto, rules: [glass], tells: [security]}") == ()
    assert problems("break_glass: true", "expect: {verdict: auto, tells: [dba]}") == ("it tells security, not dba",)


def test_sql_that_is_not_understood_is_a_problem_of_its_case() -> None:
    (found,) = cases(case("sql: selec id from s.t", "expect: {verdict: deny}"))
    (problem,) = run(RULES, found).problems
    assert problem.startswith("the SQL is not understood: ")


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (case("sql: select 1", "expect: {verdict: automatic}"), "9:23", '"automatic" is not a verdict'),
        (case("expect: {verdict: auto}"), "5:5", "one of sql and grant"),
        (case("sql: select 1"), "5:5", 'a case needs "expect"'),
        (case("grant: [SELEC on s.t]", "expect: {verdict: auto}"), "8:12", "SELEC"),
        (case("sql: select 1", 'at: "2026-01-05T12:00:00"', "expect: {verdict: auto}"), "9:9", "no time zone"),
        (case("sql: select 1", "exspect: {verdict: auto}"), "9:5", '"exspect"'),
        (TOP.replace("s.t:", "t:") + "  - name: one\n", "3:3", "is not a table"),
        ("version: 1\ncases: []\n", "1:1", 'needs "tables"'),
    ],
)
def test_a_bad_case_is_refused_at_its_place(text: str, place: str, expected: str) -> None:
    with pytest.raises(RulesError) as caught:
        cases(text)
    assert str(caught.value).startswith(f"cases.yaml:{place}: "), caught.value
    assert expected in str(caught.value)
