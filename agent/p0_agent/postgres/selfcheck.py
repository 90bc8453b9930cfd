"""The check before the agent does anything: an account that could do more than its work is refused, and so is one that
cannot do it. Gaps that are the installation's to judge come back as warnings, in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from psycopg.rows import class_row

from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import SelfCheckError
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import has_set_option

BOOTSTRAP_HINT: Final = "run the output of `p0 agent bootstrap-sql` as a superuser"


class _Role(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    superuser: bool
    bypassrls: bool
    replication: bool
    createdb: bool
    createrole: bool
    predefined: bool
    owner: bool
    session: bool
    acting: bool


async def check(connections: Connections, databases: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Raises `SelfCheckError` for the first grave thing; returns the warnings. `databases` maps each to its managed
    schemas."""
    warnings: list[str] = []
    async with connections.control() as connection:
        await _check_agent(connection)
        if not has_set_option(connection):
            warnings.append(
                "before PostgreSQL 16 an account that makes roles can reach the server's operating system:"
                " guard the agent's password like a superuser's"
            )
    for database, schemas in databases.items():
        async with connections.reader(database) as connection:
            await _check_reader(connection)
        async with connections.writer(database) as connection:
            warnings += await _check_database(connection, schemas)
    return tuple(warnings)


async def _check_agent(connection: Connection) -> None:
    roles = await _reach(connection)
    for role in roles:
        _refuse_powers(role)
    acting = next(role for role in roles if role.acting)
    if acting.session or not acting.createrole:
        raise SelfCheckError(
            f"the agent acts as {acting.name}, which is not a broker role that may make logins",
            code="agent_not_broker",
            hint=BOOTSTRAP_HINT,
        )
    for role in roles:
        if role.owner and not role.acting:
            raise SelfCheckError(
                f"the agent is or can act as {role.name}, which owns objects", code="agent_owner", hint=BOOTSTRAP_HINT
            )


async def _check_reader(connection: Connection) -> None:
    roles = await _reach(connection)
    for role in roles:
        _refuse_powers(role)
    for role in roles:
        if role.createrole or role.owner or not role.session:
            raise SelfCheckError(
                f"the reader is or can act as {role.name}, which is more than a reader",
                code="reader_too_strong",
                hint=BOOTSTRAP_HINT,
            )


async def _check_database(connection: Connection, schemas: Sequence[str]) -> list[str]:
    cursor = await connection.execute(query("check_database"), {"schemas": list(schemas)})
    warnings = []
    for grave, what in await cursor.fetchall():
        if grave:
            raise SelfCheckError(
                f"database {connection.info.dbname}: {what}", code="bootstrap_incomplete", hint=BOOTSTRAP_HINT
            )
        warnings.append(f"database {connection.info.dbname}: {what}")
    return warnings


async def _reach(connection: Connection) -> list[_Role]:
    async with connection.cursor(row_factory=class_row(_Role)) as cursor:
        await cursor.execute(query("check_account"), {"login_pattern": LOGIN_PATTERN, "set_pattern": SET_PATTERN})
        return await cursor.fetchall()


def _refuse_powers(role: _Role) -> None:
    powers = {
        "a superuser": role.superuser,
        "allowed to bypass row security": role.bypassrls,
        "allowed to replicate": role.replication,
        "allowed to create databases": role.createdb,
        "one of PostgreSQL's predefined roles": role.predefined,
    }
    for power, has in powers.items():
        if has:
            raise SelfCheckError(
                f"the account is or can act as {role.name}, which is {power}",
                code="account_too_strong",
                hint="give the agent and the reader accounts of their own, as the bootstrap SQL makes them",
            )
