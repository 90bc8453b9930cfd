"""Reconciliation: what the ledger says and what the cluster has are brought together by ending things, never by making
them. The same code runs at start, from time to time, and after anything went wrong; it may run at any time.

    ledger says                      cluster has      then
    past its end, or ending          login or not     end it
    live                             no login         end it: somebody else removed it
    nothing, or closed, or ended     a login of ours  end it: an orphan
                                     an unused set    drop it

A login is ours by its name and by one of the makers being its member; other agents' and people's roles are left alone.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable

import msgspec
from psycopg import sql

from p0_access.messages.records import Cause
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.ending import Ended, drop_unused_set, end_access, shut_out
from p0_agent.postgres.entries import Entry
from p0_agent.postgres.errors import DatabaseBusyError, DatabaseUnavailableError, PostgresError
from p0_agent.postgres.ledger import Ledger
from p0_agent.postgres.messages import filled, send
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, makers
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import has_set_option
from p0_agent.postgres.sessions import count_sessions

log = logging.getLogger("p0.agent")


class EndedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An access that was ended; its row is at `ending`, and waits for the caller's receipt (`Ledger.end`)."""

    entry: Entry
    ended: Ended


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `failed` maps a login or set role to what stood in the way; the next sweep tries again."""

    ended: tuple[EndedEntry, ...]
    orphans: tuple[Ended, ...]
    sets: tuple[str, ...]
    failed: dict[str, PostgresError]


async def shut_due(connections: Connections, ledger: Ledger, *, now: int) -> None:
    """What is past its end and not ending yet: nobody can log in any more, and its sessions are told to end. That takes
    a moment, however many others `sweep` still has to undo, which does the rest."""
    logins: list[str] = []
    for due in await ledger.expired(now):
        try:
            entry = await ledger.begin_end(due.rh, "expired", now)
        except PostgresError as error:
            log.warning("could not begin the end of %s: %s", due.login, error, extra={"code": error.code})
            await shut_out_entry(connections, due, because=error)
        else:
            logins += [] if entry.login is None else [entry.login]
    if not logins:
        return
    counted = await count_sessions(connections, logins)
    for login in [login for login, sessions in counted.items() if sessions]:
        try:
            async with connections.look() as connection:
                await connection.execute(connections.powers.kill(login, shared=has_set_option(connection)))
        except PostgresError as error:
            log.warning("could not end the sessions of %s: %s", login, error, extra={"code": error.code})


async def sweep(
    connections: Connections,
    ledger: Ledger,
    *,
    now: int,
    finished: Callable[[EndedEntry], Awaitable[None]] | None = None,
) -> Swept:
    """One pass: first all that is due is fenced, then it is ended, side by side for different databases. A failure of
    one thing never keeps another from being ended, nor does a database that does not answer. `finished` is called after
    each end, so that its receipt does not wait for the others."""
    ended: list[EndedEntry] = []
    orphans: list[Ended] = []
    sets: list[str] = []
    failed: dict[str, PostgresError] = {}
    wanted: dict[str, tuple[Entry, Cause]] = {
        each.rh: (each, "failed") for each in await _vanished(connections, ledger)
    }
    wanted |= {each.rh: (each, each.cause or "expired") for each in await ledger.due(now)}
    by_database: dict[str, list[Entry]] = {}
    for rh, (due, cause) in wanted.items():
        try:
            entry = await ledger.begin_end(rh, cause, now)
        except PostgresError as error:
            failed[rh] = error
            await shut_out_entry(connections, due, because=error)
        else:
            by_database.setdefault(entry.database, []).append(entry)
    await asyncio.gather(*(_end_all(connections, entries, finished, ended, failed) for entries in by_database.values()))
    for login, set_role, database in await _rows(connections, "orphans"):
        try:
            orphans.append(await end_access(connections, database=database, login=login, set_role=set_role))
        except PostgresError as error:
            failed[login] = error
    for set_role, database in await _rows(connections, "idle_sets"):
        try:
            if await drop_unused_set(connections, database=database, set_role=set_role):
                sets.append(set_role)
        except PostgresError as error:
            failed[set_role] = error
    return Swept(ended=tuple(ended), orphans=tuple(orphans), sets=tuple(sets), failed=failed)


async def _end_all(
    connections: Connections,
    entries: list[Entry],
    finished: Callable[[EndedEntry], Awaitable[None]] | None,
    ended: list[EndedEntry],
    failed: dict[str, PostgresError],
) -> None:
    """Of one database, one after the other; one that does not answer is not asked again in the same pass. That one end
    is held up by a lock says nothing about the others."""
    away: PostgresError | None = None
    for entry in entries:
        if away is not None:
            failed[entry.rh] = away
            continue
        try:
            done = EndedEntry(entry=entry, ended=await end_entry(connections, entry))
            ended.append(done)
            if finished is not None:
                await finished(done)
        except PostgresError as error:
            failed[entry.rh] = error
            if isinstance(error, DatabaseUnavailableError):
                away = error


async def end_entry(connections: Connections, entry: Entry) -> Ended:
    """`end_access` for a row that has a login. Where another login holds it up, that one's sessions are ended, and it
    is tried again."""
    if entry.login is None or entry.set_role is None:
        raise ValueError(f"{entry.rid} has no login")
    end = functools.partial(
        end_access,
        connections,
        database=entry.database,
        login=entry.login,
        set_role=entry.set_role,
        login_oid=entry.login_oid,
        set_oid=entry.set_oid,
    )
    try:
        return await end()
    except DatabaseBusyError:
        if not await _clear_the_way(connections, entry.login, entry.set_role):
            raise
        return await end()


async def _clear_the_way(connections: Connections, login: str, set_role: str) -> bool:
    """Ends the sessions of other logins that hold locks on the two; False where there are none."""
    look = filled(
        "in_the_way",
        login=sql.Literal(login),
        set_role=sql.Literal(set_role),
        login_pattern=sql.Literal(LOGIN_PATTERN),
    )
    async with connections.look() as connection:
        others = [str(other) for (other,) in (await send(connection, look))[0]]
        for other in others:
            log.warning("%s holds up the end of %s: its sessions are ended", other, login)
            await connection.execute(connections.powers.kill(other, shared=has_set_option(connection)))
    return bool(others)


async def shut_out_entry(connections: Connections, entry: Entry, *, because: PostgresError) -> None:
    """Of an access whose end cannot be written down now (the disk may be full): nobody has it all the same. What
    stands in the way of this, too, is logged; the caller has an error already. Where no answer came the end is perhaps
    written, and is asked for again at once."""
    if entry.login is None or entry.set_role is None or isinstance(because, DatabaseUnavailableError):
        return
    try:
        await shut_out(connections, login=entry.login, set_role=entry.set_role)
    except PostgresError as error:
        log.warning("could not shut %s out: %s", entry.login, error, extra={"code": error.code})


async def _vanished(connections: Connections, ledger: Ledger) -> tuple[Entry, ...]:
    """Live rows, ending ones left out, whose login is not there."""
    async with connections.control() as connection:
        cursor = await connection.execute(
            "SELECT q.rh FROM p0.request q WHERE q.stage IN ('provisioned', 'sealed')"
            " AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = q.login)"
        )
        missing = [str(rh) for (rh,) in await cursor.fetchall()]
    return await ledger.among(missing)


async def _rows(connections: Connections, name: str) -> list[tuple[str, ...]]:
    parameters = {
        "login_pattern": LOGIN_PATTERN,
        "set_pattern": SET_PATTERN,
        "broker": connections.powers.broker,
        "makers": list(makers(connections.powers.broker)),
    }
    async with connections.control() as connection:
        cursor = await connection.execute(query(name), parameters)
        return [tuple(str(value) for value in row) for row in await cursor.fetchall()]
