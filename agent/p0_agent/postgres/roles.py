"""Small facts and acts about roles that both opening and ending need, by server version."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from psycopg import sql

from p0_agent.postgres import scram
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.guard import GuardPowers

SET_OPTION_FROM: Final = 160000
"""The first server version in which a membership can be inherited from and not be switched to."""


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
            await connection.execute(powers.fence(login, None, shared=has_set_option(connection)))


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
