"""The agent's own answers tell nobody what is in a database in which no rule could grant them anything."""

from __future__ import annotations

import dataclasses

import pytest

from fix_agent_core import Bench
from p0_access.routing.load import load

RULES = """
version: 1
rules:
  - name: connect
    resource: {databases: ["*"]}
    access: {privileges: [CONNECT]}
    approval: {auto: true}
  - name: reads
    requestor: {groups: [analysts]}
    resource: {databases: ["*"], schemas: [enterprise]}
    approval: {auto: true}
"""


@pytest.fixture
def ruled(bench: Bench) -> Bench:
    bench.context = dataclasses.replace(bench.context, rules=load(RULES.encode(), source="rules.yaml"))
    return bench


async def test_what_is_there_is_refused_as_what_is_not(ruled: Bench) -> None:
    eve = ruled.person("eve")
    answers = []
    for sql in ("select email from enterprise.customers", "select email from enterprise.nothing", "select from from"):
        result = await ruled.admit(ruled.ask(eve, sql)[0])
        answers.append((result.outcome, result.code, result.message, result.hint))
    assert answers == [("refused", "not_covered", "no rule could grant you this here", None)] * 3


async def test_nor_does_what_rules_want_of_a_reason_or_a_sign_in_tell_them_apart(ruled: Bench) -> None:
    """What there is to connect with depends on the SQL, and that on what is there."""
    strict = RULES.replace("{auto: true}", "{auto: true, step_up: true, require_reason: true}", 1)
    for text in (strict, strict.replace("rules:", "defaults: {require_reason: true}\nrules:", 1)):
        ruled.context = dataclasses.replace(ruled.context, rules=load(text.encode(), source="rules.yaml"))
        eve = ruled.person("eve")
        answers = set()
        for sql in ("select email from enterprise.customers", "select email from enterprise.nothing"):
            result = await ruled.admit(ruled.ask(eve, sql, reason="")[0])
            answers.add((result.outcome, result.code, result.message, result.hint))
        assert answers == {("refused", "not_covered", "no rule could grant you this here", None)}


async def test_who_could_get_something_is_told_what_is_wrong(ruled: Bench) -> None:
    dana = ruled.person("dana", "analysts")
    missing = await ruled.admit(ruled.ask(dana, "select id from enterprise.market")[0])
    assert (missing.outcome, missing.code) == ("refused", "unknown_table")
    assert "markets" in (missing.hint or "")
    assert (await ruled.admit(ruled.ask(dana, "select id from ledger.entries")[0])).outcome == "denied"


async def test_connecting_alone_needs_no_more(ruled: Bench) -> None:
    eve = ruled.person("eve")
    request, _ = ruled.ask(eve, "select 1")
    assert (await ruled.admit(request)).outcome == "active"
    assert (await ruled.end(request, eve)).outcome == "ended"
