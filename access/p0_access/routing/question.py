"""From a reading and a catalog to a `Question`: the same one on every side that has the same catalog and rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.facts import facts
from p0_access.permissions.permission import Permission
from p0_access.permissions.settle import comment_tags, settle
from p0_access.routing.decision import Question, Requestor
from p0_access.routing.rule import RequestKind
from p0_access.routing.rules import RuleSet


def ask(
    rules: RuleSet,
    catalog: Catalog,
    *,
    requestor: Requestor,
    kind: RequestKind,
    granted: Iterable[Permission],
    reached: Iterable[Permission] = (),
    reach_unknown: bool = False,
    ttl: int | None = None,
    reason: str = "",
    break_glass: bool = False,
    at: datetime,
) -> Question:
    """Settle every `any_column` (preferring columns without a tag, from the rules or from comments), and look up all
    that routing needs to know of the catalog. `Question.granted` is then the set that is routed, approved and granted.
    """
    granted, reached = tuple(granted), tuple(reached)
    tags = comment_tags(catalog, (*granted, *reached))

    def tagged(schema: str, relation: str, column: str) -> bool:
        return (schema, relation, column) in tags or bool(rules.tags_of(schema, relation, column))

    settled, touched = settle(granted, catalog, tagged=tagged), settle(reached, catalog, tagged=tagged)
    known = facts(catalog, (*settled, *touched))
    return Question(
        requestor=requestor,
        database=catalog.database,
        kind=kind,
        granted=settled,
        reached=touched,
        tags=known.tags,
        columns=known.columns,
        sequence_owners=known.sequence_owners,
        definers=known.definers,
        reach_unknown=reach_unknown,
        ttl=ttl,
        reason=reason,
        break_glass=break_glass,
        at=at,
    )
