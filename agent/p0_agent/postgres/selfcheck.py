"""The check before the agent does anything: an account that could do more than its work is refused, and so is one that
cannot do it. Gaps that are the installation's to judge come back as warnings, in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from psycopg.rows import class_row

from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import SelfCheckError
from p0_agent.postgres.guard import FUNCTIONS
from p0_agent.postgres.guard_text import body_digests
from p0_agent.postgres.migrations import refusing_digest
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, makers
from p0_agent.postgres.powers import KEEPER_COMMENT, MAKER_BODY
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import has_set_option

BOOTSTRAP_HINT: Final = "run the output of `p0 agent bootstrap-sql` as a superuser"
PLANTED_HINT: Final = "whoever had the agent's password may have left it, or a newer p0: docs/agent.md, After a theft"
HARDENED_HINT: Final = "run the output of `p0 agent bootstrap-sql --hardened`, again if p0 was upgraded since"


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
    broker: bool | None


async def check(
    connections: Connections, databases: Mapping[str, Sequence[str]], *, broker_on_old_versions: bool = False
) -> tuple[str, ...]:
    """Raises `SelfCheckError` for the first grave thing; returns the warnings. `databases` maps each to its managed
    schemas. An agent that acts as the broker is refused before PostgreSQL 16, unless somebody said that it may."""
    warnings: list[str] = []
    powers = connections.powers
    async with connections.control() as connection:
        if powers.apart:
            await _check_apart(connection, powers.broker, connections.keeper)
        else:
            await _check_broker(connection, powers.broker, connections.keeper)
            if not has_set_option(connection):
                warnings.append(_on_an_old_version(allowed=broker_on_old_versions))
        if connections.keeping:
            await _check_keeper(connection, powers.broker, connections.keeper)
    for database, schemas in databases.items():
        async with connections.reader(database) as connection:
            await _check_reader(connection, connections.keeper)
        async with connections.writer(database) as connection:
            warnings += await _check_database(connection, powers.broker, schemas)
    for database in dict.fromkeys((connections.home, *databases)):
        async with connections.writer(database) as connection:
            if powers.apart:
                await _check_guard(connection, powers.broker)
            await _check_makers(connection, powers.broker)
            await _check_own_schema(connection)
    return tuple(warnings)


def _on_an_old_version(*, allowed: bool) -> str:
    if not allowed:
        raise SelfCheckError(
            "before PostgreSQL 16 an account that makes roles can reach the server's operating system",
            code="broker_on_old_version",
            hint='set mode = "hardened" in [cluster], and run the output of `p0 agent bootstrap-sql --hardened`',
        )
    return (
        "before PostgreSQL 16 an account that makes roles can reach the server's operating system:"
        " guard the agent's password like a superuser's"
    )


async def _check_broker(connection: Connection, broker: str, keeper: str) -> None:
    roles = await _reach(connection, broker, keeper)
    for role in roles:
        _refuse_powers(role)
    acting = next(role for role in roles if role.acting)
    if acting.session or not acting.createrole or not acting.broker:
        raise SelfCheckError(
            f"the agent acts as {acting.name}, which is not {broker}, a broker role that may make logins",
            code="agent_not_broker",
            hint=BOOTSTRAP_HINT,
        )
    _refuse_owners(roles, beside=acting.name)


async def _check_apart(connection: Connection, broker: str, keeper: str) -> None:
    """The agent's login is nothing but itself; the broker, whose functions it calls, is one."""
    roles = await _reach(connection, broker, keeper)
    for role in roles:
        _refuse_powers(role)
    found = next((role for role in roles if role.broker), None)
    if found is None or not found.createrole:
        raise SelfCheckError(
            f"{broker} is not a broker role that may make logins", code="agent_not_broker", hint=HARDENED_HINT
        )
    cursor = await connection.execute(
        "SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid"
        " JOIN pg_catalog.pg_roles a ON a.oid = m.member"
        " WHERE a.rolname IN (session_user, current_user) AND g.rolname !~ %s AND g.rolname !~ %s LIMIT 1",
        (LOGIN_PATTERN, SET_PATTERN),  # of a role that it made for a moment, while that is undone (`Powers.become`)
    )
    row = await cursor.fetchone()
    mine = next(role for role in roles if role.session)
    if row is not None or not mine.acting or mine.createrole:
        more = f"a member of {row[0]}" if row is not None else "able to make or become other roles"
        raise SelfCheckError(f"{mine.name} is {more}", code="agent_not_apart", hint=HARDENED_HINT)
    _refuse_owners([role for role in roles if not role.session], beside=broker)


async def _check_guard(connection: Connection, broker: str) -> None:
    digests = body_digests(broker)
    parameters = {
        "broker": broker,
        "functions": list(FUNCTIONS),
        "names": list(digests),
        "digests": list(digests.values()),
        "login_pattern": LOGIN_PATTERN,
        "set_pattern": SET_PATTERN,
    }
    cursor = await connection.execute(query("check_guard"), parameters)
    row = await cursor.fetchone()
    if row is not None:
        raise SelfCheckError(f"database {connection.info.dbname}: {row[0]}", code="guard_unfit", hint=HARDENED_HINT)


async def _check_makers(connection: Connection, broker: str) -> None:
    digest = hashlib.sha256(MAKER_BODY.encode()).hexdigest()
    parameters = {
        "broker": broker,
        "makers": list(makers(broker)),
        "digest": digest,
        "login_pattern": LOGIN_PATTERN,
        "set_pattern": SET_PATTERN,
    }
    cursor = await connection.execute(query("check_makers"), parameters)
    row = await cursor.fetchone()
    if row is not None:
        raise SelfCheckError(
            f"database {connection.info.dbname}: {row[0]}", code="makers_unfit", hint=f"{BOOTSTRAP_HINT} again"
        )


async def _check_own_schema(connection: Connection) -> None:
    cursor = await connection.execute(query("check_own_schema"), {"digest": refusing_digest()})
    row = await cursor.fetchone()
    if row is not None:
        raise SelfCheckError(
            f"database {connection.info.dbname}: the schema p0 has what is not the agent's: {row[0]}",
            code="own_schema_unfit",
            hint=PLANTED_HINT,
        )


async def _check_keeper(connection: Connection, broker: str, keeper: str) -> None:
    parameters = {
        "broker": broker,
        "keeper": keeper,
        "keeper_comment": KEEPER_COMMENT,
        "login_pattern": LOGIN_PATTERN,
        "set_pattern": SET_PATTERN,
    }
    cursor = await connection.execute(query("check_keeper"), parameters)
    if await cursor.fetchone() != (True,):
        raise SelfCheckError(
            f"{keeper} is not a role that could keep what logins own", code="keeper_unfit", hint=BOOTSTRAP_HINT
        )


def _refuse_owners(roles: Sequence[_Role], *, beside: str) -> None:
    for role in roles:
        if role.owner and role.name != beside:
            raise SelfCheckError(
                f"the agent is or can act as {role.name}, which owns objects", code="agent_owner", hint=BOOTSTRAP_HINT
            )


async def _check_reader(connection: Connection, keeper: str) -> None:
    roles = await _reach(connection, None, keeper)
    for role in roles:
        _refuse_powers(role)
    for role in roles:
        if role.createrole or role.owner or not role.session:
            raise SelfCheckError(
                f"the reader is or can act as {role.name}, which is more than a reader",
                code="reader_too_strong",
                hint=BOOTSTRAP_HINT,
            )


async def _check_database(connection: Connection, broker: str, schemas: Sequence[str]) -> list[str]:
    cursor = await connection.execute(query("check_database"), {"schemas": list(schemas), "broker": broker})
    warnings = []
    for grave, what in await cursor.fetchall():
        if grave:
            raise SelfCheckError(
                f"database {connection.info.dbname}: {what}", code="bootstrap_incomplete", hint=BOOTSTRAP_HINT
            )
        warnings.append(f"database {connection.info.dbname}: {what}")
    return warnings


async def _reach(connection: Connection, broker: str | None, keeper: str) -> list[_Role]:
    parameters = {
        "login_pattern": LOGIN_PATTERN,
        "set_pattern": SET_PATTERN,
        "broker": broker,
        "keeper": keeper,
        "keeper_comment": KEEPER_COMMENT,
    }
    async with connection.cursor(row_factory=class_row(_Role)) as cursor:
        await cursor.execute(query("check_account"), parameters)
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
