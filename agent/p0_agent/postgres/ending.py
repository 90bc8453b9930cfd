"""Ending an access, completely, whatever its login is doing.

    1 fence   NOLOGIN, and nothing from the set role, committed: no new session, and no privilege for the old ones
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
from collections.abc import Collection
from itertools import chain, repeat
from typing import Final

import msgspec
from psycopg import errors as sqlstate
from psycopg import sql

from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import DatabaseBusyError, DatabaseUnavailableError, EndIncompleteError
from p0_agent.postgres.messages import BRIEFLY, COMMIT, filled, send, writing
from p0_agent.postgres.names import MAKER_SUFFIX
from p0_agent.postgres.owned import (
    DROPPED_AT_ONCE,
    UNLINKED_AT_ONCE,
    clear_elsewhere,
    clearing,
    thin_out,
)
from p0_agent.postgres.roles import as_login, as_member, has_set_option, named

KILL_SECONDS: Final = 10.0
POLL_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05)
_FEW: Final = min(UNLINKED_AT_ONCE, DROPPED_AT_ONCE)
"""What so few own in all databases together is not very much in any."""

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
        for _ in range(ROUNDS):
            oid, crowded = await _quieten(connections, login, set_role)
            known = {each for each in (oid, login_oid) if each is not None}
            for role, each in crowded:
                if each not in connections.keeping:
                    await thin_out(connections, role, each)
            async with connections.writer(database) as connection:
                undoing = _Undoing(connections, connection, login, set_role, known, set_oid)
                try:
                    ended = await undoing.attempt()
                except sqlstate.DependentObjectsStillExist:
                    # A set role that holds what only others can revoke is left without members: it gives nobody
                    # anything, and the sweep tries to drop it again.
                    ended = await undoing.attempt(spare_set=True)
            if ended is not None:
                return ended
    raise EndIncompleteError(f"sessions of {login} keep turning up", code="sessions_remain")


async def shut_out(connections: Connections, *, login: str, set_role: str) -> None:
    """Fences the login and ends its sessions, and no more: for when that it ends cannot be written down."""
    async with connections.turn(login):
        await _quieten(connections, login, set_role)


async def drop_unused_set(connections: Connections, *, database: str, set_role: str) -> bool:
    """Drops a set role that no login is a member of (any more). False: there is one, or the role is gone."""
    facts = _facts(connections, login=None, set_role=set_role, set_oid=None)
    async with (
        connections.writer(database) as connection,
        writing(connection, facts) as (((_, unused, _, plain, elsewhere),),),
    ):
        if unused is None:
            return False
        await clear_elsewhere(connections, [set_role], elsewhere)
        clear = clearing(connections, connection, [set_role], plain=plain)
        await send(connection, *clear, connections.powers.drop([set_role]), COMMIT)
        return True


async def _quieten(connections: Connections, login: str, set_role: str) -> tuple[int | None, list[tuple[str, str]]]:
    """Fences the login, and ends what it is doing; returns its OID, if it exists, and who has very many objects where:
    roles with databases."""
    state = filled("quiet", login=sql.Literal(login), set_role=sql.Literal(set_role))
    deadline = time.monotonic() + KILL_SECONDS
    newcomers: set[int] | None = None
    fenced = False
    for pause in chain((0.0,), POLL_SECONDS, repeat(POLL_SECONDS[-1])):
        await asyncio.sleep(pause)
        async with connections.look() as connection:
            ((oid, has_set, is_open, sessions, starting, prepared, owned),) = (await send(connection, state))[0]
            if sessions and not (is_open and not fenced):
                await connection.execute(connections.powers.kill(login, shared=has_set_option(connection)))
        if is_open and not fenced:  # a membership that somebody else granted stays, until the role is dropped
            try:
                await _fence(connections, login, set_role if has_set else None)
                fenced = True
            except DatabaseBusyError:
                if time.monotonic() > deadline:
                    raise
                if prepared:
                    await _roll_back_prepared(connections, login)
            continue
        # Who passed the fence before it came says who it is within milliseconds. Who comes later does not get past it.
        newcomers = set(starting) if newcomers is None else newcomers & set(starting)
        if sessions or newcomers:
            if time.monotonic() > deadline:
                raise EndIncompleteError(
                    f"{len(sessions)} sessions of {login} did not end within {KILL_SECONDS:.0f} s",
                    code="sessions_remain",
                )
            continue
        if prepared:
            await _roll_back_prepared(connections, login)
        crowded = await _crowded(connections, login, set_role) if owned > _FEW else []
        return None if oid is None else int(oid), crowded
    raise AssertionError("it polls without an end")


async def _crowded(connections: Connections, login: str, set_role: str) -> list[tuple[str, str]]:
    """Roles with the databases in which they have more than should be dropped in one transaction."""
    crowded = filled(
        "crowded",
        login=sql.Literal(login),
        set_role=sql.Literal(set_role),
        unlinked=sql.Literal(UNLINKED_AT_ONCE),
        dropped=sql.Literal(DROPPED_AT_ONCE),
    )
    async with connections.look() as connection:
        (rows,) = await send(connection, crowded)
    return [(str(role), str(database)) for role, database in rows]


async def _fence(connections: Connections, login: str, set_role: str | None) -> None:
    """A transaction of the login's own may hold its row in pg_authid (it may change its password), for which the fence
    waits. So its sessions are told to end first: whoever comes back then is behind the fence in that queue."""
    powers = connections.powers
    async with connections.look() as connection:
        shared = has_set_option(connection)
        await send(connection, BRIEFLY, powers.kill(login, shared=shared), powers.fence(login, set_role, shared=shared))


class _Undoing:
    """What is done once the login is quiet. `known` are the OIDs that it has or had, `set_oid` one of its set role."""

    def __init__(
        self,
        connections: Connections,
        connection: Connection,
        login: str,
        set_role: str,
        known: set[int],
        set_oid: int | None,
    ) -> None:
        self._connections = connections
        self._connection = connection
        self._login = login
        self._set_role = set_role
        self._known = known
        self._set_oid = set_oid

    async def attempt(self, *, spare_set: bool = False) -> Ended | None:
        """Drops the login, and the set role if nobody else uses it, and looks for anything that is left. None: a
        session that had passed the fence while it was starting is seen by now, and nothing was dropped."""
        facts = _facts(self._connections, login=self._login, set_role=self._set_role, set_oid=self._set_oid)
        async with writing(self._connection, facts) as (((oid, unused, set_remains, plain, elsewhere),),):
            roles = [self._login] if oid is not None else []
            gone = set(self._known)
            if unused is not None and not spare_set:
                roles.append(self._set_role)
                gone.add(unused)
            if self._set_oid is not None and not set_remains:
                gone.add(self._set_oid)
            if roles and not await self._drop(roles, oid, elsewhere, plain=plain):
                await self._connection.rollback()
                return None
            residue, ((set_dropped,),) = await send(
                self._connection,
                COMMIT,
                filled("residue", login=sql.Literal(self._login), gone=_listed(gone)),
                sql.SQL("SELECT {} IS NULL").format(named(self._set_role)),
            )
        return Ended(
            login=self._login,
            set_role=self._set_role,
            set_dropped=set_dropped,
            residue=tuple(sorted(str(found) for (found,) in residue)),
        )

    async def _drop(self, roles: list[str], login_oid: int | None, elsewhere: list[str], *, plain: bool) -> bool:
        """False: the login has a session after all, which nobody could end once its role is gone."""
        powers = self._connections.powers
        await clear_elsewhere(self._connections, roles, elsewhere)
        clear = clearing(self._connections, self._connection, roles, plain=plain)
        try:
            results = await send(self._connection, *clear, powers.drop(roles), _sessions_of(login_oid))
        except sqlstate.ObjectInUse:  # so the functions of the hardened mode say it
            return False
        ((sessions,),) = results[-1]
        return not sessions


def _facts(connections: Connections, *, login: str | None, set_role: str, set_oid: int | None) -> sql.Composed:
    return filled(
        "undo",
        login=sql.Literal(login),
        set_role=sql.Literal(set_role),
        set_oid=sql.Literal(set_oid or 0),
        broker=sql.Literal(connections.powers.broker),
        maker_suffix=sql.Literal(MAKER_SUFFIX),
    )


def _sessions_of(oid: int | None) -> sql.Composed:
    """How many there are, by the role that authenticated: SET ROLE does not hide a session."""
    return sql.SQL("SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.usesysid = {}").format(
        sql.Literal(oid)
    )


def _listed(oids: Collection[int]) -> sql.Composed:
    """For IN, and never empty: no role has the OID 0."""
    return sql.SQL(", ").join(sql.Literal(oid) for oid in sorted(oids) or [0])


async def _roll_back_prepared(connections: Connections, login: str) -> None:
    """A prepared transaction outlives its session, holds locks, and could be committed later by anybody of its name."""
    async with connections.look() as connection:
        cursor = await connection.execute(
            "SELECT gid, database::text FROM pg_catalog.pg_prepared_xacts WHERE owner = %s", (login,)
        )
        prepared = [(str(gid), str(database)) for gid, database in await cursor.fetchall()]
    for gid, database in prepared:
        statement = sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid))
        try:
            async with as_member(connections, login, database) as connection:
                await connection.execute(statement)
        except (DatabaseUnavailableError, DatabaseBusyError):
            # Only the login may enter the database, or (before 15) what it prepared holds up whoever would become it.
            if not connections.powers.apart:
                raise
            async with as_login(connections, login, database) as connection:
                await connection.execute(statement)
