"""Plain helpers for tests of routing: short documents, questions, and permissions of one small database."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import dedent, indent

import msgspec

from p0_access.permissions.permission import Kind, Permission, column, connect
from p0_access.routing.decision import Automatic, Decision, NeedsApproval, Question, Requestor
from p0_access.routing.load import load
from p0_access.routing.rules import RuleSet

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
DANA = Requestor(iss="https://id.corp.example", sub="dana", email="dana@corp.example", groups=("analysts",))
CONNECT = connect("sales")


def rules(*each: str, top: str = "") -> RuleSet:
    """A document of rules, each given from its second line on; they are named r1, r2, …"""
    listed = [f"  - name: r{number}\n{indent(dedent(text).strip(), '    ')}\n" for number, text in enumerate(each, 1)]
    return load(f"version: 1\n{dedent(top).strip()}\nrules:\n{''.join(listed)}".encode(), source="rules.yaml")


def question(*granted: Permission, **more: object) -> Question:
    """Dana asks, on a Monday at noon."""
    base = Question(requestor=DANA, database="sales", kind="statement", granted=granted, at=NOON)
    return msgspec.structs.replace(base, **more)


def verdict(decision: Decision) -> str:
    """`auto`, `approvers: rule rule` or `deny`."""
    if isinstance(decision, NeedsApproval):
        return f"approvers: {' '.join(each.rule for each in decision.requirements)}"
    return "auto" if isinstance(decision, Automatic) else "deny"


EMAIL = column("enterprise", "customers", "email", "SELECT")
NAME = column("enterprise", "customers", "name", "SELECT")
MARKET = column("enterprise", "markets", "id", "SELECT")
VIEW = column("enterprise", "contacts", "address", "SELECT")
INSERT = column("enterprise", "orders", "total", "INSERT")
FUNCTION = Permission(Kind.FUNCTION, "enterprise", "rate(integer)", None, "EXECUTE")
DEFINER = Permission(Kind.FUNCTION, "enterprise", "close_books(date)", None, "EXECUTE")
TYPE = Permission(Kind.TYPE, "enterprise", "mood", None, "USAGE")
LARGE_OBJECT = Permission(Kind.LARGE_OBJECT, None, "4711", None, "SELECT")
SEQUENCE = Permission(Kind.SEQUENCE, "enterprise", "orders_id_seq", None, "USAGE")
ROLE = Permission(Kind.ROLE, None, "reporting", None, "MEMBER")
TEMPORARY = Permission(Kind.DATABASE, None, "sales", None, "TEMPORARY")

AUTO = "approval: {auto: true}"
DBA = "approval: {approvers: {groups: [dba]}}"
DENY = "approval: {deny: Never.}"


def on(resource: str, then: str = AUTO, *more: str) -> str:
    """A rule about `resource` in the database of `question`."""
    return "\n".join([f"resource: {{databases: [sales]{', ' if resource else ''}{resource}}}", *more, then])


TAGGED = "tags: {pii: [enterprise.customers.email], secret: []}"
PII = [on("tags: [pii]", "approval: {approvers: {groups: [privacy]}}"), on("")]
"""With `TAGGED`: what is personal needs one of privacy, everything else is automatic."""
