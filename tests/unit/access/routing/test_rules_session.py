"""What sessions are set to, by rules: the strictest of all that decide, and the defaults."""

from __future__ import annotations

import pytest

from fix_routing import AUTO, EMAIL, NAME, on, question, rules
from p0_access.errors import RulesError
from p0_access.permissions.permission import Permission
from p0_access.routing.decide import route
from p0_access.routing.decision import Automatic, NeedsApproval, Session

TOP = "defaults: {session: {statement_timeout: 10m, connections: 3}}"
EMAILS = on(
    "columns: ['*.*.email']",
    "session: {statement_timeout: 30s, idle_timeout: 5m, log_statement: mod}",
    "approval: {approvers: {groups: [privacy]}}",
)
REST = on(
    "",
    "session: {statement_timeout: 1h, idle_timeout: 1m, idle_in_transaction_timeout: 5s, temp_file_limit: 64}",
    AUTO,
)


def session(*asked: Permission, top: str = "") -> Session | None:
    decision = route(rules(EMAILS, REST, top=top), question(*asked))
    assert isinstance(decision, Automatic | NeedsApproval)
    return decision.session


def test_the_strictest_of_all_that_decide_holds() -> None:
    assert session(EMAIL) == Session(statement_timeout=30, idle_timeout=300, log_statement="mod")
    assert session(EMAIL, NAME) == Session(
        statement_timeout=30,
        idle_timeout=60,
        idle_in_transaction_timeout=5,
        temp_file_limit=64,
        log_statement="mod",
    )
    assert session(EMAIL, top=TOP) == Session(
        statement_timeout=30, idle_timeout=300, connections=3, log_statement="mod"
    )


def test_without_a_rule_about_it_the_defaults_hold_and_without_them_nothing_is_said() -> None:
    decision = route(rules(on(""), top=TOP), question(NAME))
    assert isinstance(decision, Automatic)
    assert decision.session == Session(statement_timeout=600, connections=3)
    decision = route(rules(on("")), question(NAME))
    assert isinstance(decision, Automatic)
    assert decision.session is None


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("statement_timeout: 30", '"statement_timeout" has no unit'),
        ("connections: 0", '"connections" is a whole number between 1 and 100'),
        ("temp_file_limit: 1GB", '"temp_file_limit" is a whole number'),
        ("log_statement: everything", '"everything" is not what PostgreSQL logs'),
        ("work_mem: 1", 'session has no "work_mem"'),
    ],
)
def test_what_means_nothing_is_refused(said: str, wrong: str) -> None:
    with pytest.raises(RulesError, match=wrong):
        rules(on("", f"session: {{{said}}}", AUTO))
