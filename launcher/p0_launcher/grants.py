"""Permissions as people write them: `SELECT, INSERT on enterprise.markets(id, name)`.

Names are written as in SQL: unquoted ones fold to lower case, quoted ones stay. With columns the privileges are on
those, else on the whole relation. CONNECT and USAGE come along.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from p0_access.messages.records import What
from p0_access.permissions.permission import Permission, canonical, column, connect, relation, usage
from p0_launcher.errors import UsageError

_NAME: Final = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_SPEC: Final = re.compile(
    rf"\s*(?P<privileges>[A-Za-z]+(?:\s*,\s*[A-Za-z]+)*)\s+[Oo][Nn]\s+(?P<schema>{_NAME})\.(?P<relation>{_NAME})"
    rf"\s*(?:\((?P<columns>\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*)\))?\s*\Z"
)
_ON_RELATION: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"})
_ON_COLUMN: Final = frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"})


def parse_grants(database: str, specs: Sequence[str]) -> What:
    """What is asked for by `--grant`, as often as it is given."""
    found: list[Permission] = [connect(database)]
    for spec in specs:
        found.extend(_parse(spec))
    return What(grant=canonical(found))


def _parse(spec: str) -> list[Permission]:
    match = _SPEC.match(spec)
    if match is None:
        raise UsageError(
            f"{spec!r} is not a grant",
            code="grant_malformed",
            hint="Write: --grant 'SELECT on schema.table(column, …)'",
        )
    schema, name = _folded(match["schema"]), _folded(match["relation"])
    columns = [_folded(item) for item in re.findall(_NAME, match["columns"] or "")]
    privileges = [item.upper() for item in re.findall(r"[A-Za-z]+", match["privileges"])]
    known = _ON_COLUMN if columns else _ON_RELATION
    for privilege in privileges:
        if privilege not in known:
            raise UsageError(
                f"{privilege} is no privilege on {'columns' if columns else 'a relation'}",
                code="grant_malformed",
                hint=f"One of: {', '.join(sorted(known))}",
            )
    if columns:
        return [usage(schema), *(column(schema, name, item, privilege) for item in columns for privilege in privileges)]
    return [usage(schema), *(relation(schema, name, privilege) for privilege in privileges)]


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
