"""Permissions granted, and read back from the catalogs.

PostgreSQL accepts a GRANT of what one does not hold with no more than a warning, and privileges move and vanish with
renamed and recreated objects. So nothing is believed: `held` says what a role has in access lists.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import psycopg
from psycopg import errors as sqlstate
from psycopg import sql
from psycopg.errors import Diagnostic

from p0_access.permissions.permission import Kind, Permission, canonical
from p0_agent.postgres.connections import Connection
from p0_agent.postgres.errors import GrantError
from p0_agent.postgres.messages import Rows, filled, send
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import named
from p0_agent.postgres.statements import is_granted, why_not

_OFTEN_PUBLIC: Final = frozenset({Kind.FUNCTION, Kind.TYPE, Kind.DATABASE})

ACL_ROOM: Final = 2_000
"""Entries of an access list beyond which none is added: at 2,120 to 2,455 PostgreSQL refuses any, also its owner's."""

_RARE: Final = frozenset({Kind.FUNCTION, Kind.TYPE, Kind.LARGE_OBJECT})
_RARELY: Final = sql.SQL(
    "'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_type'::regclass, 'pg_catalog.pg_largeobject'::regclass"
)

_NOTHING: Final = sql.SQL("0")
"""In a list of catalogs' OIDs, which cannot be empty."""

_ALL: Final = sql.SQL("pg_catalog.pg_shdepend")

HERE: Final = sql.SQL("(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())")


class Held(msgspec.Struct, frozen=True):
    """A privilege as an access list has it, and the role that has it. Kind `other` is anything else that a role should
    not have. `entries` is how long that list is."""

    role: str
    kind: str
    schema: str | None
    object: str
    column: str | None
    privilege: str
    grantable: bool
    entries: int

    def permission(self) -> Permission | None:
        """As a permission, if it is one: nothing that may be handed on is."""
        if self.grantable or self.kind == "other":
            return None
        return Permission(Kind(self.kind), self.schema, self.object, self.column, self.privilege)

    def __str__(self) -> str:
        name = ".".join(part for part in (self.schema, self.object, self.column) if part is not None)
        return f"{self.privilege} on {self.kind} {name}{' with grant option' if self.grantable else ''}"


def check_grantable(database: str, permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """The canonical set, or `GrantError` for the first that cannot be had in `database` whoever grants it."""
    wanted = canonical(permissions)
    for permission in wanted:
        if not is_granted(permission):
            raise GrantError(f"{permission} is never granted: {why_not(permission)}", code="permission_unsupported")
        if permission.kind is Kind.ROLE and (permission.object or "").startswith("pg_"):
            raise GrantError(f"{permission.object} is one of PostgreSQL's own roles", code="permission_unsupported")
        if permission.object is None or (permission.kind is Kind.DATABASE and permission.object != database):
            raise GrantError(f"{permission} is not a permission in {database}", code="permission_elsewhere")
    if not wanted:
        raise GrantError("there is nothing to grant", code="permission_none")
    return wanted


@asynccontextmanager
async def granting(connection: Connection, *, apart: bool, objects: bool = True) -> AsyncIterator[None]:
    """For statements that grant: `GrantError` where PostgreSQL would only warn, and for what it says about objects,
    where they are granted on (`objects`) and not only memberships. `apart`: by calls of functions, which may not be
    there themselves."""
    missing: tuple[type[psycopg.Error], ...] = ()
    if objects:
        missing = (sqlstate.UndefinedTable, sqlstate.UndefinedColumn, sqlstate.InvalidSchemaName)
        missing += (sqlstate.UndefinedObject, *(() if apart else (sqlstate.UndefinedFunction,)))
    async with warnings_are_errors(connection):
        try:
            yield
        except missing as error:
            raise GrantError(
                f"an object is not there: {error.diag.message_primary}",
                code="object_missing",
                hint="it was renamed or dropped; ask again",
            ) from error
        except sqlstate.ProgramLimitExceeded as error:
            raise GrantError(
                "an access list is full: too many roles hold privileges on one object", code="acl_full"
            ) from error


def held_by(
    *roles: str, here: sql.Composable = HERE, rarely: bool = True, dependencies: sql.Composable = _ALL
) -> sql.Composed:
    """The query for `Held`: all that access lists, ownership and memberships give the roles directly, in the database
    with the OID `here` and elsewhere in the cluster. Without `rarely` what is on functions, types and large objects
    comes as `other`. `dependencies` is where to look."""
    # Each in a query of its own, executed once: PostgreSQL would call the function for every row that it looks at.
    oids = sql.SQL(", ").join([sql.SQL("(SELECT {})").format(named(role)) for role in roles])
    often = filled(
        "held",
        roles=oids,
        here=here,
        told_rarely=_RARELY if rarely else _NOTHING,
        dependencies=dependencies,
    )
    if not rarely:
        return often
    return sql.SQL("{} UNION ALL {}").format(
        often, filled("held_rarely", roles=oids, here=here, dependencies=dependencies)
    )


def is_rare(permission: Permission) -> bool:
    """Whether it is one that `held_by` is asked for only `rarely`."""
    return permission.kind in _RARE


def read_held(rows: Rows) -> tuple[Held, ...]:
    return tuple(Held(*row) for row in rows)


def require_room(present: Iterable[Held]) -> None:
    """`GrantError` if an access list that a new role has just been put on leaves too little room for others."""
    for item in present:
        if item.entries > ACL_ROOM:
            raise GrantError(
                f"the access list that has {item} is nearly full: {item.entries} entries",
                code="acl_headroom",
                hint="Too many roles hold privileges on one object; `p0 agent doctor` names it. Try again when accesses"
                " have ended.",
            )


async def held(connection: Connection, role: str, *, gifts: bool = True) -> tuple[Held, ...]:
    """Without `gifts` nothing that is on what a login of the agent's making owns. It may grant that to any role, which
    has nothing of it that was not the login's to give, and must not be held to account for it."""
    dependencies = _ALL if gifts else _not_gifts()
    (rows,) = await send(connection, held_by(role, dependencies=dependencies))
    return read_held(rows)


def _not_gifts() -> sql.Composed:
    patterns = {"login_pattern": sql.Literal(LOGIN_PATTERN), "set_pattern": sql.Literal(SET_PATTERN)}
    return filled("not_gifts", here=HERE, **patterns)


async def had_by_everybody(connection: Connection, permissions: Iterable[Permission]) -> frozenset[Permission]:
    """Those of `permissions` that PUBLIC has: nobody needs a grant of them. Of relations none counts, since a grant on
    them is what is asked for; nor of large objects."""
    asked = [each for each in permissions if each.privilege != "CONNECT" and each.kind in _OFTEN_PUBLIC]
    if not asked:
        return frozenset()
    parameters = {
        "numbers": list(range(len(asked))),
        "kinds": [each.kind.value for each in asked],
        "schemas": [each.schema for each in asked],
        "objects": [each.object for each in asked],
        "privileges": [each.privilege for each in asked],
    }
    cursor = await connection.execute(query("public_has"), parameters)
    return frozenset(asked[int(str(number))] for (number,) in await cursor.fetchall())


@asynccontextmanager
async def warnings_are_errors(connection: Connection) -> AsyncIterator[None]:
    """Turns warnings (SQLSTATE class 01, such as 01007: privilege not granted) into `GrantError`."""
    warnings: list[str] = []

    def collect(diagnostic: Diagnostic) -> None:
        if (diagnostic.sqlstate or "").startswith("01"):
            warnings.append(diagnostic.message_primary or "a warning without a text")

    connection.add_notice_handler(collect)
    try:
        yield
    finally:
        connection.remove_notice_handler(collect)
    if warnings:
        raise GrantError(
            f"the agent cannot grant this: {warnings[0]}",
            code="agent_lacks_privilege",
            hint="run the output of `p0 agent bootstrap-sql` again; it covers objects made since",
        )
