"""GRANT statements for permissions: what may be granted at all, and its words in SQL. Nothing here executes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, LiteralString

from psycopg import sql

from p0_access.permissions.permission import Kind, Permission

_GRANTABLE: Final[Mapping[Kind, Mapping[str, LiteralString]]] = {
    Kind.DATABASE: {"CONNECT": "CONNECT"},
    Kind.SCHEMA: {"USAGE": "USAGE"},
    Kind.RELATION: {name: name for name in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES")},
    Kind.COLUMN: {name: name for name in ("SELECT", "INSERT", "UPDATE", "REFERENCES")},
    Kind.SEQUENCE: {name: name for name in ("USAGE", "SELECT", "UPDATE")},
    Kind.ROLE: {"MEMBER": "MEMBER"},
}
"""What is granted, and its word in SQL. TRIGGER is left out: it is a way to other people's privileges."""

_NOUNS: Final = {
    Kind.DATABASE: sql.SQL("DATABASE"),
    Kind.SCHEMA: sql.SQL("SCHEMA"),
    Kind.RELATION: sql.SQL("TABLE"),
    Kind.COLUMN: sql.SQL("TABLE"),
    Kind.SEQUENCE: sql.SQL("SEQUENCE"),
}


def is_granted(permission: Permission) -> bool:
    """Whether it is had by a grant, as opposed to what must be PUBLIC's already."""
    return permission.privilege in _GRANTABLE.get(permission.kind, {})


def membership(role: str, member: sql.Composable, *, shared: bool) -> sql.Composed:
    """GRANT of `role` such that `member` inherits from it and, where the version has that (`shared`), cannot become
    it."""
    options: LiteralString = " WITH INHERIT TRUE, SET FALSE" if shared else ""
    return sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), member)


def grants(role: str, permissions: Sequence[Permission], *, shared: bool) -> sql.Composed:
    """`permissions` (canonical, each `is_granted`), one GRANT for each object. `shared` as for `membership`."""
    return sql.SQL("; ").join(
        membership(each.object or "", sql.Identifier(role), shared=shared)
        if each.kind is Kind.ROLE
        else _grant([each, *others], role)
        for _, (each, *others) in groupby(permissions, key=lambda item: (item.kind, item.schema, item.object))
    )


def _grant(group: list[Permission], role: str) -> sql.Composed:
    """One GRANT for all privileges on one object."""
    kind, schema, name = group[0].kind, group[0].schema, group[0].object or ""
    if kind is Kind.COLUMN:
        by_privilege: dict[str, list[sql.Identifier]] = {}
        for item in group:
            by_privilege.setdefault(item.privilege, []).append(sql.Identifier(item.column or ""))
        privileges = [
            sql.SQL("{} ({})").format(_word(kind, privilege), sql.SQL(", ").join(columns))
            for privilege, columns in by_privilege.items()
        ]
    else:
        privileges = [sql.Composed([_word(kind, item.privilege)]) for item in group]
    return sql.SQL("GRANT {} ON {} {} TO {}").format(
        sql.SQL(", ").join(privileges),
        _NOUNS[kind],
        sql.Identifier(name) if schema is None else sql.Identifier(schema, name),
        sql.Identifier(role),
    )


def _word(kind: Kind, privilege: str) -> sql.SQL:
    return sql.SQL(_GRANTABLE[kind][privilege])
