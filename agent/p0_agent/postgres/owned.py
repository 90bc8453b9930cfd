"""What roles own and hold, and how it goes: in every database of the cluster where there is any.

It goes with the role in one transaction (`clearing`), as a rule. Each object takes locks of its own until its
transaction ends, and a server has room for only so many (`max_locks_per_transaction`), so what a role owns very many of
goes first, some at a time (`thin_out`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from psycopg import sql

from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import DatabaseUnavailableError, GuardMissingError
from p0_agent.postgres.messages import filled, send
from p0_agent.postgres.names import is_login_name
from p0_agent.postgres.powers import clear_block
from p0_agent.postgres.roles import as_login, as_member, has_set_option

UNLINKED_AT_ONCE: Final = 500
"""Large objects that are dropped in one transaction, each with one lock: with PostgreSQL's default for
max_locks_per_transaction a server has room for about 7,000."""

DROPPED_AT_ONCE: Final = 100
"""Other objects: a table takes locks for its types, its indexes and its TOAST table, too."""


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


def clearing(
    connections: Connections, connection: Connection, roles: Sequence[str], *, plain: bool = False
) -> tuple[sql.Composed, ...]:
    """The statements that revoke what `roles` hold in the database of `connection`, and drop what they own there, or
    hand it on. `plain` as for `Powers.clear`."""
    take = connections.powers.take(roles, shared=has_set_option(connection))
    return (take, *_clearing(connections, connection.info.dbname, roles, plain=plain))


def _clearing(
    connections: Connections, database: str, roles: Sequence[str], *, plain: bool = False
) -> tuple[sql.Composed, ...]:
    clear = connections.powers.clear(roles, plain=plain)
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
        block = clear_block([role])

        async def drop(connection: Connection, block: sql.Composed = block) -> None:
            await connection.execute(block)

        await _by_itself(connections, role, database, drop)


async def thin_out(connections: Connections, role: str, database: str) -> None:
    """Drops what `role` owns in `database`, some at a time, by the role itself. Anybody may make large objects who may
    call lo_create, which is everybody where nobody took that from PUBLIC, and tables who may CREATE in a schema. What
    cannot be dropped alone is left, and nothing that others' objects depend on is dropped."""
    # Every name is qualified: it is the login's own session where only itself may enter.
    owner = sql.SQL("{}::pg_catalog.regrole::pg_catalog.oid").format(sql.Literal(sql.Identifier(role).as_string()))
    unlink = sql.SQL(
        "SELECT pg_catalog.lo_unlink(m.oid) FROM (SELECT l.oid FROM pg_catalog.pg_largeobject_metadata l"
        " WHERE l.lomowner OPERATOR(pg_catalog.=) {} LIMIT {}) m"
    ).format(owner, sql.Literal(UNLINKED_AT_ONCE))
    drop = filled("thin_out", owner=owner, batch=sql.Literal(DROPPED_AT_ONCE), quote=sql.SQL("$p0$"))
    count = filled("thin_out_count", owner=owner)

    async def act(connection: Connection) -> None:
        while (await connection.execute(unlink)).rowcount:
            pass
        ((left,),) = (await send(connection, count))[0]
        while left > DROPPED_AT_ONCE:
            before = left
            ((left,),) = (await send(connection, drop, count))[0]
            if left == before:
                return

    await _by_itself(connections, role, database, act)


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
