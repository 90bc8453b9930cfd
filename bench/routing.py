"""What it costs to route one request of 200 permissions by 1,000 rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from bench.harness import Table
from p0_access.permissions.permission import Permission, column
from p0_access.routing.decide import route
from p0_access.routing.decision import Question, Requestor
from p0_access.routing.load import load
from p0_access.routing.rules import RuleSet

TITLE: Final = "Routing: 200 permissions by 1,000 rules"
RULES: Final = 1_000
PERMISSIONS: Final = 200
LIMIT: Final = 0.005

AT: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
DANA: Final = Requestor(iss="https://id.example", sub="dana", groups=("analysts",))
APPROVALS: Final = ("{auto: true}", "{approvers: {groups: [dba]}, max_ttl: 30m}", "{auto: true, max_ttl: 15m}")


async def run(table: Table) -> None:
    block = bytes(1024 * 1024)
    table.time("SHA-256 of 1 MiB", lambda: hashlib.sha256(block).digest(), baseline=True)
    wide = [column("s1", f"t{number}", "c1", "SELECT") for number in range(PERMISSIONS)]
    deep = [column("s1", "t7", f"c{number}", "SELECT") for number in range(PERMISSIONS)]
    for name, resource, granted in (
        ("200 relations, a rule for each of 1,000", lambda at: f"relations: [s1.t{at}]", wide),
        ("200 relations, patterns with a prefix", lambda at: f"relations: ['*.t{at}*']", wide),
        ("200 relations, patterns with a suffix", lambda at: f"relations: ['*.*t{at}']", wide),
        ("200 relations, rules about columns", lambda at: f"columns: ['*.*.c{at}*']", wide),
        ("200 columns of one relation, rules about columns", lambda at: f"columns: ['s1.t7.c{at}']", deep),
        ("200 columns of one relation, rules about tags", lambda at: f"tags: [tag{at % 20}]", deep),
    ):
        rules, question = _rules(resource), _question(granted)
        table.time(name, lambda rules=rules, question=question: route(rules, question), limit=LIMIT)  # type: ignore[misc]  # mypy can't infer defaults of a lambda


def _rules(resource: Callable[[int], str]) -> RuleSet:
    """The last rules come first to be matched by the first permissions, so that no permission is early."""
    tags = ", ".join(f'tag{number}: ["*.t7.c{number}?"]' for number in range(20))
    listed = [
        f"  - {{name: r{at}, resource: {{databases: ['d*'], {resource(at)}}}, "
        f"requestor: {{groups: [analysts, g{at}]}}, approval: {APPROVALS[at % 3]}}}\n"
        for at in reversed(range(RULES))
    ]
    return load(f"version: 1\ntags: {{{tags}}}\nrules:\n{''.join(listed)}".encode(), source="bench")


def _question(granted: list[Permission]) -> Question:
    return Question(requestor=DANA, database="db", kind="statement", granted=tuple(granted), at=AT)
