"""From a reading and a catalog to a `Question`: the same one on every side that has the same catalog and rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.settle import comment_tags, settle
from p0_access.routing.decision import Question, Requestor
from p0_access.routing.matching import RELATION_LIKE
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
    return Question(
        requestor=requestor,
        database=catalog.database,
        kind=kind,
        granted=settled,
        reached=touched,
        tags=tags,
        columns=_columns(catalog, (*settled, *touched)),
        sequence_owners=_sequence_owners(catalog, settled),
        reach_unknown=reach_unknown,
        ttl=ttl,
        reason=reason,
        break_glass=break_glass,
        at=at,
    )


def _columns(catalog: Catalog, permissions: Iterable[Permission]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Of each relation that a permission is on as a whole."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in permissions:
        if item.kind in {Kind.RELATION, Kind.ANY_COLUMN}:
            relation = catalog.relation(item.schema or "", item.object or "")
            if relation is not None:
                found[relation.schema, relation.name] = tuple(column.name for column in relation.columns)
    return found


def _sequence_owners(
    catalog: Catalog, permissions: Iterable[Permission]
) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """The sequences that the relations in `permissions` take defaults from."""
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    names = {(item.schema or "", item.object or "") for item in permissions if item.kind in RELATION_LIKE}
    for schema, name in sorted(names):
        relation = catalog.relation(schema, name)
        for sequence in {} if relation is None else relation.serials.values():
            key = (sequence[0], sequence[1])
            found[key] = (*found.get(key, ()), (schema, name))
    return found
