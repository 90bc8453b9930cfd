"""From what SQL needs to what can be granted: `any_column` becomes a column, and comments become tags.

`any_column` says that PostgreSQL will be content with any one column (as for `count(*)`). At admission it becomes a
column that is
needed anyway, else the first that carries no tag, so that counting rows does not ask for the right to read somebody's
address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Kind, Permission, canonical, column

Tags = dict[tuple[str, str, str], frozenset[str]]
"""(schema, relation, column) → its tags."""

_TAG: Final = re.compile(r"(?:^|\s)p0:([a-z][a-z0-9_-]{0,62})(?=\s|$|[.,;])")


def comment_tags(catalog: Catalog, permissions: Iterable[Permission]) -> Tags:
    """The tags in comments (`COMMENT ON … IS '… p0:pii'`) for every column of the relations in `permissions`.

    A tag on the relation counts for all of its columns. Case does not matter: `p0:PII` is `pii`.
    """
    found: Tags = {}
    for schema, name in {(item.schema, item.object) for item in permissions if item.kind in _ON_RELATIONS}:
        relation = catalog.relation(schema or "", name or "")
        if relation is None:
            continue
        of_relation = _tags(relation.comment)
        for item in relation.columns:
            tags = of_relation | _tags(item.comment)
            if tags:
                found[relation.schema, relation.name, item.name] = tags
    return found


def _tags(comment: str | None) -> frozenset[str]:
    return frozenset(_TAG.findall((comment or "").casefold()))


def settle(
    permissions: Iterable[Permission], catalog: Catalog, *, tagged: Callable[[str, str, str], bool]
) -> tuple[Permission, ...]:
    """The canonical set with every `any_column` replaced. `tagged(schema, relation, column)` tells which to avoid.

    A relation without a column that could be granted keeps its `any_column`, which nothing can grant: unknown means no.
    """
    wanted = set(permissions)
    settled = {item for item in wanted if item.kind is not Kind.ANY_COLUMN}
    for item in sorted(wanted - settled, key=str):
        if not _covered(item, settled):
            settled.add(_choose(item, catalog, tagged) or item)
    return canonical(settled)


def _covered(item: Permission, settled: set[Permission]) -> bool:
    return any(
        (other.schema, other.object, other.privilege) == (item.schema, item.object, item.privilege)
        and other.kind in {Kind.COLUMN, Kind.RELATION}
        for other in settled
    )


def _choose(item: Permission, catalog: Catalog, tagged: Callable[[str, str, str], bool]) -> Permission | None:
    schema, name = item.schema or "", item.object or ""
    relation = catalog.relation(schema, name)
    if relation is None or not relation.columns:
        return None
    names = [each.name for each in relation.columns]
    chosen = next((each for each in names if not tagged(schema, name, each)), names[0])
    return column(schema, name, chosen, item.privilege)


_ON_RELATIONS: Final = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})
