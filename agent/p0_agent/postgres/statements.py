"""GRANT statements for permissions: what may be granted at all, and its words in SQL. Nothing here executes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, LiteralString

from psycopg import sql

from p0_access.permissions.permission import Kind, Permission
from p0_agent.postgres.signatures import routine

_GRANTABLE: Final[Mapping[Kind, Mapping[str, LiteralString]]] = {
    Kind.DATABASE: {"CONNECT": "CONNECT", "TEMPORARY": "TEMPORARY"},
    Kind.SCHEMA: {"USAGE": "USAGE"},
    Kind.RELATION: {name: name for name in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES")},
    Kind.COLUMN: {name: name for name in ("SELECT", "INSERT", "UPDATE", "REFERENCES")},
    Kind.SEQUENCE: {name: name for name in ("USAGE", "SELECT", "UPDATE")},
    Kind.FUNCTION: {"EXECUTE": "EXECUTE"},
    Kind.TYPE: {"USAGE": "USAGE"},
    Kind.LARGE_OBJECT: {name: name for name in ("SELECT", "UPDATE")},
    Kind.ROLE: {"MEMBER": "MEMBER"},
}
"""What is granted, and its word in SQL."""

_WHY_NOT: Final = {
    (Kind.SCHEMA, "CREATE"): "who may create in a schema changes what names mean for all who search it",
    (Kind.RELATION, "TRIGGER"): "a trigger is a way to other people's privileges",
    (Kind.FOREIGN_SERVER, "USAGE"): "reading foreign tables does not take it, and defining them is a migration's",
}
"""Of what exists and is never granted. (TRIGGER runs its function as whoever writes to the table.)"""

_NOUNS: Final = {
    Kind.DATABASE: sql.SQL("DATABASE"),
    Kind.SCHEMA: sql.SQL("SCHEMA"),
    Kind.RELATION: sql.SQL("TABLE"),
    Kind.COLUMN: sql.SQL("TABLE"),
    Kind.SEQUENCE: sql.SQL("SEQUENCE"),
    Kind.FUNCTION: sql.SQL("ROUTINE"),
    Kind.TYPE: sql.SQL("TYPE"),
    Kind.LARGE_OBJECT: sql.SQL("LARGE OBJECT"),
}

_MAX_OID: Final = 2**32 - 1


def is_granted(permission: Permission) -> bool:
    """Whether there is a GRANT for it that the agent makes."""
    return permission.privilege in _GRANTABLE.get(permission.kind, {}) and _named(permission) is not None


def why_not(permission: Permission) -> str:
    """Why it is none that `is_granted`, for people."""
    return _WHY_NOT.get((permission.kind, permission.privilege), "it is not something that is granted")


def membership(role: str, member: sql.Composable, *, shared: bool) -> sql.Composed:
    """GRANT of `role` such that `member` inherits from it and, where the version has that (`shared`), cannot become
    it."""
    options: LiteralString = " WITH INHERIT TRUE, SET FALSE" if shared else ""
    return sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), member)


def without(role: str, member: sql.Composable, *, shared: bool) -> sql.Composed:
    """The end of a `membership`: `member` has nothing of `role` any more.

    REVOKE looks at all members of the role, which takes long where thousands share it. Where the version has
    memberships that give nothing, it becomes one of those, and goes with the member.
    """
    if not shared:
        return sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), member)
    return sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET FALSE").format(sql.Identifier(role), member)


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
    kind = group[0].kind
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
        _named(group[0]) or sql.SQL(""),
        sql.Identifier(role),
    )


def _named(permission: Permission) -> sql.Composable | None:
    """The object as GRANT names it; None if it is no name of its kind."""
    schema, name = permission.schema, permission.object or ""
    if permission.kind is Kind.FUNCTION:
        return routine(schema or "", name)
    if permission.kind is Kind.LARGE_OBJECT:
        number = int(name) if name.isascii() and name.isdigit() else 0
        return sql.Literal(number) if 0 < number <= _MAX_OID and str(number) == name else None
    return sql.Identifier(name) if schema is None else sql.Identifier(schema, name)


def _word(kind: Kind, privilege: str) -> sql.SQL:
    return sql.SQL(_GRANTABLE[kind][privilege])
