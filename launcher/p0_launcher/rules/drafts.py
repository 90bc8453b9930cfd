"""From SQL, or permissions by name, to a decision by rules in a file: what server and agent would say, offline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, StatementReading, needed
from p0_access.routing.decide import reason_problem, route
from p0_access.routing.decision import Decision, Requestor
from p0_access.routing.question import ask
from p0_access.routing.rules import RuleSet


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody would ask for, of the database that `catalog` is of."""

    requestor: Requestor
    catalog: Catalog
    what: What
    ttl: int | None = None
    reason: str = ""
    break_glass: bool = False
    at: datetime


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """`reason_problem`: what the rules miss in the reason."""

    decision: Decision
    reason_problem: str | None


def decide(rules: RuleSet, draft: Draft) -> Drafted:
    """Raises `ReadingError` for SQL that is not understood. A role by name is not looked into: only agents know it."""
    granted, reached, unknown = _needs(draft.what, draft.catalog)
    question = ask(
        rules,
        draft.catalog,
        requestor=draft.requestor,
        kind=draft.what.kind,
        granted=granted,
        reached=reached,
        reach_unknown=unknown,
        ttl=draft.ttl,
        reason=draft.reason,
        break_glass=draft.break_glass,
        at=draft.at,
    )
    return Drafted(decision=route(rules, question), reason_problem=reason_problem(rules, question))


def _needs(what: What, catalog: Catalog) -> tuple[Sequence[Permission], Sequence[Permission], bool]:
    if what.kind != "statement":
        return what.grant or (), (), False
    from p0_access.permissions.infer import read

    found: list[StatementReading] = []
    for text in what.statement or ():
        reading = read(text, catalog, search_path=what.search_path or DEFAULT_SEARCH_PATH)
        needed(reading)
        found += [each for each in reading if isinstance(each, StatementReading)]
    return (
        [need.permission for each in found for need in each.needs],
        [permission for each in found for permission in each.reached],
        any(warning.code == "reach_unknown" for each in found for warning in each.warnings),
    )
