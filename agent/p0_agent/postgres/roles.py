"""Small facts and acts about roles that both opening and ending need, by server version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from psycopg import sql

from p0_agent.postgres.connections import Connection, Connections

SET_OPTION_FROM: Final = 160000
"""The first server version in which a membership can be inherited from and not be switched to."""


def has_set_option(connection: Connection) -> bool:
    return connection.info.server_version >= SET_OPTION_FROM


async def exists(connection: Connection, role: str) -> bool:
    cursor = await connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,))
    return await cursor.fetchone() is not None


def membership(connection: Connection, role: str, member: sql.Composable) -> sql.Composed:
    """GRANT of `role` such that `member` inherits from it and, where the version has it, cannot switch to it."""
    options: LiteralString = " WITH INHERIT TRUE, SET FALSE" if has_set_option(connection) else ""
    return sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), member)


def administration(connection: Connection, role: str) -> sql.Composed:
    """GRANT that lets the agent end the sessions of a role that it has just made, and drop what the role owns."""
    return membership(connection, role, sql.SQL("CURRENT_USER"))


async def drop_owned(connections: Connections, connection: Connection, roles: Sequence[str]) -> None:
    """Drops what `roles` own and revokes what they hold: first in every other database of the cluster where they have
    something, then in that of `connection`, in its transaction. All of them must exist. Where others' objects depend
    on theirs it raises and drops nothing.
    """
    cursor = await connection.execute(
        "SELECT DISTINCT d.datname FROM pg_catalog.pg_shdepend s"
        " JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid AND r.rolname = ANY(%s)"
        " JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
        " WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND d.datname <> pg_catalog.current_database()",
        (list(roles),),
    )
    statement = sql.SQL("DROP OWNED BY {}").format(sql.SQL(", ").join(map(sql.Identifier, roles)))
    for (database,) in await cursor.fetchall():
        async with connections.visiting(str(database)) as elsewhere:
            await elsewhere.execute(statement)
    await connection.execute(statement)
