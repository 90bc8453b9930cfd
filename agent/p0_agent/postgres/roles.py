"""Small facts and acts about roles that both opening and ending need, by server version."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from psycopg import sql

from p0_agent.postgres import scram
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import DatabaseUnavailableError, GuardMissingError
from p0_agent.postgres.guard import GuardPowers
from p0_agent.postgres.messages import send
from p0_agent.postgres.names import is_login_name

SET_OPTION_FROM: Final = 160000
"""The first server version in which a membership can be inherited from and not be switched to."""

UNLINKED_AT_ONCE: Final = 1_000
"""Large objects that are dropped in one transaction: where max_locks_per_transaction is PostgreSQL's default, a server
has room for about 7,000 locks."""


def has_set_option(connection: Connection) -> bool:
    return connection.info.server_version >= SET_OPTION_FROM


def named(role: str) -> sql.Composed:
    """The expression for the OID of a role, NULL if there is none: it takes no plan, as a look into pg_roles does."""
    return sql.SQL("pg_catalog.to_regrole(pg_catalog.quote_ident({}))::oid").format(sql.Literal(role))


async def exists(connection: Connection, role: str) -> bool:
    cursor = await connection.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = %s", (role,))
    return await cursor.fetchone() is not None


@asynccontextmanager
async def as_login(connections: Connections, login: str, database: str) -> AsyncIterator[Connection]:
    """A connection to any database that acts as `login`, which the agent made and has fenced; outside a transaction.

    Only literal utility commands may be run on it: whatever could run the login's functions would run them as it.
    """
    powers = connections.powers
    if not isinstance(powers, GuardPowers):
        async with as_member(connections, login, database) as connection:
            yield connection
        return
    password = scram.new_password(secrets.token_bytes)  # known to this function alone, for as long as it runs
    verifier = scram.verifier(password, secrets.token_bytes(scram.SALT_BYTES))
    async with connections.look() as connection:
        await connection.execute(powers.enter(login, verifier, database))
    try:
        async with connections.visiting(database, user=login, password=password) as connection:
            yield connection
    finally:
        async with connections.look() as connection:
            await connection.execute(powers.fence(login, None))


@asynccontextmanager
async def as_member(connections: Connections, role: str, database: str) -> AsyncIterator[Connection]:
    """As `as_login`, of any role that the agent made, to a database that the agent may enter: it is the role's member
    for as long as this takes."""
    powers = connections.powers
    async with connections.look() as connection:
        await connection.execute(powers.become(role, shared=has_set_option(connection)))
    try:
        async with connections.visiting(database) as connection:
            await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            yield connection
    finally:
        async with connections.look() as connection:
            await connection.execute(powers.leave(role))


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
    await clear_elsewhere(connections, roles, [str(database) for (database,) in await cursor.fetchall()])
    await send(connection, *clearing(connections, connection, roles))


def clearing(connections: Connections, connection: Connection, roles: Sequence[str]) -> tuple[sql.Composed, ...]:
    """The statements that revoke what `roles` hold in the database of `connection`, and drop what they own there, or
    hand it on."""
    take = connections.powers.take(roles, shared=has_set_option(connection))
    return (take, *_clearing(connections, connection.info.dbname, roles))


def _clearing(connections: Connections, database: str, roles: Sequence[str]) -> tuple[sql.Composed, ...]:
    clear = connections.powers.clear(roles)
    return (connections.powers.keep(roles, connections.keeper), clear) if database in connections.keeping else (clear,)


async def clear_elsewhere(connections: Connections, roles: Sequence[str], databases: Sequence[str]) -> None:
    """Drops what `roles` own and revokes what they hold in those databases, on connections of their own."""
    if databases:
        async with connections.look() as connection:
            await connection.execute(connections.powers.take(roles, shared=has_set_option(connection)))
    for database in databases:
        try:
            async with connections.visiting(database) as elsewhere:
                await send(elsewhere, *_clearing(connections, database, roles))
        except (GuardMissingError, DatabaseUnavailableError):
            if not connections.powers.apart:
                raise
            await _drop_own(connections, roles, database)


async def _drop_own(connections: Connections, roles: Sequence[str], database: str) -> None:
    """In a database where the agent has nothing to call: by the roles themselves, of what is their own."""
    for role in roles:
        statement = sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role))

        async def drop(connection: Connection, statement: sql.Composed = statement) -> None:
            await connection.execute(statement)

        await _by_itself(connections, role, database, drop)


async def unlink_large_objects(connections: Connections, login: str, database: str) -> None:
    """Those that `login` owns in `database`, some at a time: each takes a lock of its own until its transaction ends,
    and the server has room for only so many (max_locks_per_transaction). Anybody may make them who may call lo_create,
    which is everybody where nobody took that from PUBLIC."""
    # Every name is qualified, as the login's own settings may hold where only itself may enter.
    statement = sql.SQL(
        "SELECT pg_catalog.lo_unlink(m.oid) FROM (SELECT l.oid FROM pg_catalog.pg_largeobject_metadata l"
        " WHERE l.lomowner OPERATOR(pg_catalog.=) {}::pg_catalog.regrole::pg_catalog.oid LIMIT {}) m"
    ).format(sql.Literal(sql.Identifier(login).as_string()), sql.Literal(UNLINKED_AT_ONCE))

    async def unlink(connection: Connection) -> None:
        while (await connection.execute(statement)).rowcount:
            pass

    await _by_itself(connections, login, database, unlink)


async def _by_itself(
    connections: Connections, role: str, database: str, act: Callable[[Connection], Awaitable[None]]
) -> None:
    try:
        async with as_member(connections, role, database) as connection:
            await act(connection)
    except DatabaseUnavailableError:  # one that only the login may enter
        if not is_login_name(role):
            raise
        async with as_login(connections, role, database) as connection:
            await act(connection)
