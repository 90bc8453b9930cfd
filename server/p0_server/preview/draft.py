"""From a draft to its preview: the kernel's reading and the server's rules. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, Refused, StatementReading
from p0_access.routing.decide import reason_problem, route
from p0_access.routing.decision import Decision, Requestor
from p0_access.routing.question import ask
from p0_access.routing.rules import RuleSet


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody would ask for. `at` is now, in seconds since the epoch."""

    what: What
    requestor: Requestor
    ttl: int | None = None
    reason: str = ""
    break_glass: bool = False
    at: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`decision` is None where a statement is not understood, or nothing can be said; `rules_sha256` tells of the rules
    it is by, which may be replaced by now. `reason_problem` tells what they miss in the reason."""

    rules_sha256: str
    statements: tuple[StatementReading | Refused, ...] = ()
    decision: Decision | None = None
    reason_problem: str | None = None


def preview(draft: Draft, catalog: Catalog, rules: RuleSet) -> Preview:
    """Named roles are not looked into: only the agent knows what they hold."""
    statements: tuple[StatementReading | Refused, ...] = ()
    granted: tuple[Permission, ...]
    reached: tuple[Permission, ...] = ()
    reach_unknown = False
    match draft.what.kind:
        case "statement":
            statements = _read(draft.what, catalog)
            understood = [each for each in statements if isinstance(each, StatementReading)]
            if len(understood) < len(statements) or not statements:
                return Preview(rules_sha256=rules.sha256, statements=statements)
            granted = tuple(need.permission for each in understood for need in each.needs)
            reached = tuple(permission for each in understood for permission in each.reached)
            reach_unknown = any(each.code == "reach_unknown" for one in understood for each in one.warnings)
        case "grant":
            granted = draft.what.grant or ()
        case "role":
            return Preview(rules_sha256=rules.sha256)
    question = ask(
        rules,
        catalog,
        requestor=draft.requestor,
        kind=draft.what.kind,
        granted=granted,
        reached=reached,
        reach_unknown=reach_unknown,
        ttl=draft.ttl,
        reason=draft.reason,
        break_glass=draft.break_glass,
        at=datetime.fromtimestamp(draft.at, UTC),
    )
    return Preview(
        rules_sha256=rules.sha256,
        statements=statements,
        decision=route(rules, question),
        reason_problem=reason_problem(rules, question),
    )


def _read(what: What, catalog: Catalog) -> tuple[StatementReading | Refused, ...]:
    from p0_access.permissions.infer import read
    from p0_access.permissions.second_opinion import with_second_opinion

    found: list[StatementReading | Refused] = []
    for text in what.statement or ():
        found += read(text, catalog, search_path=what.search_path or DEFAULT_SEARCH_PATH, index_from=len(found))
    return with_second_opinion(tuple(found))
