"""Ending an access, completely, whatever its login is doing.

    1 fence   NOLOGIN and out of the set role, committed: no new session, and no privilege for the old ones
    2 kill    every session of the login, until there is none
    3 undo    its prepared transactions; what it owns, in every database; then the login, and the set role when unused
    4 look    by name and by OID, for anything that is left

The order matters: dropping before fencing loses against a client that reconnects in a loop, and a session whose role is
gone can no longer be ended by anybody but a superuser. Each step finds out what there is to do, so the whole may be
repeated at any time, after a crash in any place, and for an access of which nothing is left.
"""

from __future__ import annotations

import asyncio
import time
from itertools import chain, repeat
from typing import Final

import msgspec
from psycopg import errors as sqlstate
from psycopg import sql

from p0_agent.postgres.connections import Connection, Connections, writing
from p0_agent.postgres.errors import EndIncompleteError
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import as_login, drop_owned, exists

KILL_SECONDS: Final = 10.0
POLL_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05)
ROUNDS: Final = 5
"""How often a session that was just starting when the fence came may turn up while the rest is undone."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """`set_dropped` says whether the set role is gone; others may be using it. `residue` names what is left."""

    login: str
    set_role: str
    set_dropped: bool
    residue: tuple[str, ...]


async def end_access(
    connections: Connections,
    *,
    database: str,
    login: str,
    set_role: str,
    login_oid: int | None = None,
    set_oid: int | None = None,
) -> Ended:
    """Ends the access of `login`. The OIDs are those that the ledger knows: a role that somebody dropped, or that an
    earlier end dropped, is looked for by them. Raises `EndIncompleteError` when its sessions do not go away in time,
    and the errors of the database when something stands in the way; either way it stays fenced and may be tried again.
    """
    async with connections.turn(login):
        present = await _fence(connections, login, set_role)
        dropped = await _kill_and_undo(connections, database, login, set_role)
        logins = {present.get(login), login_oid} - {None}
        sets = {present.get(set_role), set_oid} - {None}
        async with connections.look() as connection:
            cursor = await connection.execute(
                query("residue"), {"login": login, "logins": list(logins), "sets": list(sets)}
            )
            residue = tuple(str(found) for (found,) in await cursor.fetchall())
            set_dropped = set_role in dropped or not await exists(connection, set_role)
    return Ended(login=login, set_role=set_role, set_dropped=set_dropped, residue=residue)


async def drop_unused_set(connections: Connections, *, database: str, set_role: str) -> bool:
    """Drops a set role that no login is a member of (any more). False: there is one, or the role is gone."""
    async with connections.writer(database) as connection, writing(connection):
        if not await _is_unused(connections, connection, set_role, login=None):
            return False
        await drop_owned(connections, connection, [set_role])
        await connection.execute(connections.powers.drop([set_role]))
        return True


async def _kill_and_undo(connections: Connections, database: str, login: str, set_role: str) -> list[str]:
    """Returns the roles that were dropped. A set role that holds what only others can revoke is left without members:
    it gives nobody anything, and the sweep tries to drop it again."""
    spared = False
    for _ in range(ROUNDS):
        await _kill(connections, login)
        await _roll_back_prepared(connections, login)
        async with connections.writer(database) as connection:
            try:
                async with writing(connection):
                    roles = [role for role in (login,) if await exists(connection, role)]
                    if not spared and await _is_unused(connections, connection, set_role, login=login):
                        roles.append(set_role)
                    if await _drop(connections, connection, roles, login):
                        return roles
            except sqlstate.DependentObjectsStillExist:
                if spared:
                    raise
                spared = True
    raise EndIncompleteError(f"sessions of {login} keep turning up", code="sessions_remain")


async def _drop(connections: Connections, connection: Connection, roles: list[str], login: str) -> bool:
    """In the caller's transaction. False: a session that had passed the fence while it was starting is seen by now."""
    if roles:
        await drop_owned(connections, connection, roles)
        if await _sessions(connection, login):
            return False
        await connection.execute(connections.powers.drop(roles))
    return True


async def _fence(connections: Connections, login: str, set_role: str) -> dict[str, int]:
    """Returns the OIDs of those of the two roles that exist."""
    async with connections.look() as connection:
        cursor = await connection.execute(
            "SELECT rolname::text, oid::bigint FROM pg_catalog.pg_roles WHERE rolname = ANY(%s)", ([login, set_role],)
        )
        oids = {str(name): int(str(oid)) for name, oid in await cursor.fetchall()}
        if login in oids:
            # In one message, and so in one transaction.
            await connection.execute(connections.powers.fence(login, set_role if set_role in oids else None))
    return oids


async def _kill(connections: Connections, login: str) -> None:
    deadline = time.monotonic() + KILL_SECONDS
    for pause in chain(POLL_SECONDS, repeat(POLL_SECONDS[-1])):
        async with connections.look() as connection:
            pids = await _sessions(connection, login)
            if not pids:
                return
            await connection.execute(connections.powers.kill(login))
        if time.monotonic() > deadline:
            raise EndIncompleteError(
                f"{len(pids)} sessions of {login} did not end within {KILL_SECONDS:.0f} s", code="sessions_remain"
            )
        await asyncio.sleep(pause)


async def _sessions(connection: Connection, login: str) -> list[int]:
    """Process ids, by the role that authenticated: SET ROLE does not hide a session."""
    cursor = await connection.execute(
        "SELECT a.pid FROM pg_catalog.pg_stat_activity a"
        " JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid WHERE r.rolname = %s",
        (login,),
    )
    return [int(str(pid)) for (pid,) in await cursor.fetchall()]


async def _roll_back_prepared(connections: Connections, login: str) -> None:
    """A prepared transaction outlives its session, holds locks, and could be committed later by anybody of its name."""
    async with connections.look() as connection:
        cursor = await connection.execute(
            "SELECT gid, database::text FROM pg_catalog.pg_prepared_xacts WHERE owner = %s", (login,)
        )
        prepared = [(str(gid), str(database)) for gid, database in await cursor.fetchall()]
    for gid, database in prepared:
        async with as_login(connections, login, database) as connection:
            await connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))


async def _is_unused(connections: Connections, connection: Connection, set_role: str, *, login: str | None) -> bool:
    """The set role exists and nobody but the agent, and perhaps `login`, is its member."""
    cursor = await connection.execute(
        "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m"
        " JOIN pg_catalog.pg_roles member ON member.oid = m.member"
        " WHERE m.roleid = s.oid AND member.rolname <> %s AND member.rolname IS DISTINCT FROM %s)"
        " FROM pg_catalog.pg_roles s WHERE s.rolname = %s",
        (connections.powers.maker, login, set_role),
    )
    row = await cursor.fetchone()
    return row is not None and row[0] is True
