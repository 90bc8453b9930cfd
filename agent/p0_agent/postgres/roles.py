"""Small facts and acts about roles that both opening and ending need, by server version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from psycopg import sql

from p0_agent.postgres.connections import Connection, Connections

SET_OPTION_FROM: Final = 160000
"""The first server version in which a membership can be inherited from and not be switched to."""


def has_set_option(connection: Connection) -> bool:
    return connection.info.server_version >= SET_OPTION_FROM


async def exists(connection: Connection, role: str) -> bool:
    cursor = await connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,))
    return await cursor.fetchone() is not None


@asynccontextmanager
async def as_login(connections: Connections, login: str, database: str) -> AsyncIterator[Connection]:
    """A connection to any database that acts as `login`, which the agent made; outside a transaction.

    Only literal utility commands may be run on it: whatever could run the login's functions would run them as it.
    """
    async with connections.look() as connection:
        if has_set_option(connection):
            await connection.execute(
                sql.SQL("GRANT {} TO {} WITH SET TRUE").format(
                    sql.Identifier(login), sql.Identifier(connections.powers.maker)
                )
            )
    async with connections.visiting(database) as connection:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(login)))
        yield connection


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
    statement = connections.powers.clear(roles)
    for (database,) in await cursor.fetchall():
        async with connections.visiting(str(database)) as elsewhere:
            await elsewhere.execute(statement)
    await connection.execute(statement)
