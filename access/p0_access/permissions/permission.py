"""One privilege on one thing: the unit that is inferred, routed, approved, signed and granted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What a permission is on. `any_column`: any one column will do; it becomes a column at admission."""

    DATABASE = "database"
    SCHEMA = "schema"
    RELATION = "relation"
    COLUMN = "column"
    ANY_COLUMN = "any_column"
    SEQUENCE = "sequence"
    FUNCTION = "function"
    TYPE = "type"
    ROLE = "role"
    LARGE_OBJECT = "large_object"
    FOREIGN_SERVER = "foreign_server"


class Permission(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """On the wire the array [kind, schema, object, column, privilege], null where absent.

    `schema` is null for databases, schemas, roles; `object` is the database, schema, relation, sequence, type or role,
    or the function with its identity arguments, as in `rate(integer, date)`. Names are as stored in the catalog,
    unquoted.
    """

    kind: Kind
    schema: str | None
    object: str | None
    column: str | None
    privilege: str

    @property
    def implied(self) -> bool:
        """Database CONNECT and schema USAGE are never routed or struck alone: they follow what they carry."""
        return (self.kind is Kind.DATABASE and self.privilege == "CONNECT") or (
            self.kind is Kind.SCHEMA and self.privilege == "USAGE"
        )

    def __str__(self) -> str:
        name = ".".join(part for part in (self.schema, self.object) if part is not None)
        column = {Kind.COLUMN: f" ({self.column})", Kind.ANY_COLUMN: " (any column)"}.get(self.kind, "")
        noun = "" if self.kind in _RELATION_LIKE else f"{self.kind.value} ".replace("_", " ")
        return f"{self.privilege}{column} on {noun}{name}"


WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "TEMPORARY", "MAINTAIN"})
"""Privileges without which nothing changes, not even temporary tables: a read-only transaction has no use for them."""

_RELATION_LIKE = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})


def canonical(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """Sorted as UTF-8 JSON bytes and without duplicates: the one form that is signed and compared."""
    return in_order(set(permissions))


def in_order(permissions: Collection[Permission]) -> tuple[Permission, ...]:
    """The canonical form of what has no duplicates."""
    return tuple(sorted(permissions, key=_ENCODE)) if permissions else ()


_ENCODE: Final = msgspec.json.Encoder().encode


def connect(database: str) -> Permission:
    return Permission(Kind.DATABASE, None, database, None, "CONNECT")


def usage(schema: str) -> Permission:
    return Permission(Kind.SCHEMA, None, schema, None, "USAGE")


def column(schema: str, relation: str, name: str, privilege: str) -> Permission:
    return Permission(Kind.COLUMN, schema, relation, name, privilege)


def any_column(schema: str, relation: str, privilege: str) -> Permission:
    return Permission(Kind.ANY_COLUMN, schema, relation, None, privilege)


def relation(schema: str, name: str, privilege: str) -> Permission:
    return Permission(Kind.RELATION, schema, name, None, privilege)
