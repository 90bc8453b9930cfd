"""What routing must know of a catalog to route permissions: the bridge from a reading to a `Question`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.settle import Tags, comment_tags


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The members of the same names in `p0_access.routing.decision.Question`, which describes them."""

    tags: Tags
    columns: dict[tuple[str, str], tuple[str, ...]]
    sequence_owners: dict[tuple[str, str], tuple[tuple[str, str], ...]]
    definers: frozenset[tuple[str, str]]


def facts(catalog: Catalog, permissions: Iterable[Permission]) -> Facts:
    """Facts about what `permissions` (granted and reached) are on; what the catalog doesn't have is left out."""
    concerned = tuple(permissions)
    columns: dict[tuple[str, str], tuple[str, ...]] = {}
    owners: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for schema, name in {(item.schema or "", item.object or "") for item in concerned if item.kind in _ON_RELATIONS}:
        relation = catalog.relation(schema, name)
        if relation is None:
            continue
        columns[schema, name] = tuple(column.name for column in relation.columns)
        for sequence in relation.serials.values():
            owners.setdefault(sequence, set()).add((schema, name))
    return Facts(
        tags=comment_tags(catalog, concerned),
        columns=columns,
        sequence_owners={sequence: tuple(sorted(relations)) for sequence, relations in owners.items()},
        definers=_definers(catalog, concerned),
    )


def _definers(catalog: Catalog, concerned: tuple[Permission, ...]) -> frozenset[tuple[str, str]]:
    """Of the functions that permissions are on, those that run with their owners' rights."""
    named = {(item.schema or "", item.object or "") for item in concerned if item.kind is Kind.FUNCTION}
    return frozenset((schema, called) for schema, called in named if _is_definer(catalog, schema, called))


def _is_definer(catalog: Catalog, schema: str, called: str) -> bool:
    """Of a function as a permission names it; in names there may be brackets, too."""
    return any(
        each.security_definer and f"{each.name}({each.identity})" == called
        for end, mark in enumerate(called)
        if mark == "("
        for each in catalog.functions_named(schema, called[:end])
    )


_ON_RELATIONS = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})
