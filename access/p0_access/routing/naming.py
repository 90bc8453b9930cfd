"""Many permissions in few words: the columns of one relation stand together."""

from __future__ import annotations

from collections.abc import Iterable

from p0_access.permissions.permission import Kind, Permission
from p0_access.routing.matching import spell


def gathered(permissions: Iterable[Permission]) -> tuple[str, ...]:
    """A name for each, in order; those on columns of one relation have one: `SELECT (id, name and 3 more) on a.b`."""
    columns: dict[tuple[str, str], list[str]] = {}
    for one in permissions:
        key = (one.privilege, relation_of(one)) if one.kind is Kind.COLUMN else (str(one), "")
        columns.setdefault(key, []).append(one.column or "")
    return tuple(
        f"{privilege} ({spell(dict.fromkeys(names), 'and')}) on {relation}" if relation else privilege
        for (privilege, relation), names in columns.items()
    )


def relation_of(permission: Permission) -> str:
    return f"{permission.schema}.{permission.object}"
