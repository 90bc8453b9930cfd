"""What others changed about live accesses: found by comparing roles with what the ledger noted when they were made.

    changed by others                                      then
    VALID UNTIL and settings of a login                    as they were made
    privileges added to a set role                         revoked, if that is the agent's to do
    memberships, attributes, a login made anew, a password, privileges of a login's own, such that are gone or that
    only others can revoke
                                                           the access is to be ended, by the caller
    privileges that one login gave another, on what it owns
                                                           the giver's access is to be ended; so it is for such to a
                                                           role that comes with somebody's access

What cannot be looked at or put right just now is left to the next look. Passwords are looked at where a superuser made
`p0.verifier_is`. A set role is compared as a whole, in the database it is for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from p0_access.encoding import decode
from p0_access.permissions.permission import Permission
from p0_agent.errors import TransientError
from p0_agent.postgres.connections import Connections
from p0_agent.postgres.entries import MAX_GRANTED_BYTES
from p0_agent.postgres.errors import GrantError, PostgresError
from p0_agent.postgres.exactness import changes, put_right
from p0_agent.postgres.messages import writing
from p0_agent.postgres.names import makers
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import exists

LISTS: Final = frozenset({"search_path"})
"""Settings that are lists of names."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the access of `rh` that was not as it was made. If not `mended`, the access is to be ended."""

    rh: str
    login: str
    what: str
    mended: bool


class _Login(msgspec.Struct, frozen=True, kw_only=True):
    rh: str
    login: str
    not_after: int
    other_end: bool
    other_settings: bool
    settings: list[str]
    elsewhere: list[str]
    grave: list[str]


class _Lease(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    set_role: str
    granted: str


async def find_drift(connections: Connections) -> tuple[Drift, ...]:
    """One look at all live accesses; what can be put right is. Safe at any time."""
    given = await _given(connections)
    return (
        *await _logins(connections, given),
        *await _passwords(connections),
        *await _sets(connections),
    )


async def _given(connections: Connections) -> list[tuple[str, str]]:
    """Who of the agent's roles gave which other something. Where that cannot be looked at, whoever has what was not
    granted answers for it."""
    try:
        async with connections.look() as connection:
            cursor = await connection.execute(query("given"))
            return [(str(giver), str(taker)) for giver, taker in await cursor.fetchall()]
    except TransientError:
        raise
    except PostgresError:
        return []


async def _logins(connections: Connections, given: Sequence[tuple[str, str]]) -> list[Drift]:
    found: list[Drift] = []
    parameters = {
        "ours": [connections.powers.broker, *makers(connections.powers.broker)],
        "givers": [giver for giver, _ in given],
        "takers": [taker for _, taker in given],
    }
    async with connections.control() as connection, connection.cursor(row_factory=class_row(_Login)) as cursor:
        await cursor.execute(query("drift"), parameters)
        changed = await cursor.fetchall()
    for login in changed:
        found += [Drift(rh=login.rh, login=login.login, what=what, mended=False) for what in login.grave]
        if login.grave:
            continue
        try:
            async with connections.turn(login.login), connections.control() as connection:
                await connection.execute(_restored(connections, login))
            mended = True
        except TransientError:
            continue
        except PostgresError:
            mended = False
        if login.other_end:
            found.append(Drift(rh=login.rh, login=login.login, what="its VALID UNTIL was changed", mended=mended))
        if login.other_settings:
            found.append(Drift(rh=login.rh, login=login.login, what="its settings were changed", mended=mended))
    return found


def _restored(connections: Connections, login: _Login) -> sql.Composed:
    """End and settings as they were made."""
    settings = settings_as_noted(login.settings)
    return connections.powers.restore(login.login, login.not_after, settings, elsewhere=login.elsewhere)


def settings_as_noted(noted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """A login's settings, from the texts that the ledger has of them (`pg_db_role_setting.setconfig`)."""
    settings: dict[str, tuple[str, ...]] = {}
    for setting in noted:
        name, _, value = setting.partition("=")
        settings[name] = _listed(value) if name in LISTS else (value,)
    return settings


def _listed(value: str) -> tuple[str, ...]:
    """The names in a list as PostgreSQL notes it: each in double quotes where it must be."""
    return tuple(
        quoted.replace('""', '"') if plain == "" else plain
        for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^",\s]+)', value)
    )


async def _passwords(connections: Connections) -> list[Drift]:
    """Nothing where the set-up could not make `p0.verifier_is`."""
    async with connections.look() as connection:
        cursor = await connection.execute(
            "SELECT pg_catalog.to_regprocedure('p0.verifier_is(text, bytea)') IS NOT NULL"
        )
        if await cursor.fetchone() != (True,):
            return []
        cursor = await connection.execute(
            "SELECT q.rh, q.login FROM p0.request q WHERE q.stage IN ('provisioned', 'sealed')"
            " AND q.verifier_sha256 IS NOT NULL AND NOT p0.verifier_is(q.login, q.verifier_sha256)"
            " AND pg_catalog.to_regrole(pg_catalog.quote_ident(q.login)) IS NOT NULL ORDER BY q.rh"
        )
        changed = await cursor.fetchall()
    return [Drift(rh=str(rh), login=str(login), what="its password was changed", mended=False) for rh, login in changed]


async def _sets(connections: Connections) -> list[Drift]:
    async with connections.control() as connection, connection.cursor(row_factory=class_row(_Lease)) as cursor:
        await cursor.execute(
            "SELECT DISTINCT ON (set_role) database, set_role, granted FROM p0.request"
            " WHERE stage IN ('provisioned', 'sealed') ORDER BY set_role, rh"
        )
        leases = await cursor.fetchall()
    found: list[Drift] = []
    for lease in leases:
        try:
            changed = await _set(connections, lease)
        except TransientError:
            continue
        if changed is not None:
            what, mended = changed
            users = await _users(connections, lease.set_role)
            found += [Drift(rh=rh, login=login, what=what, mended=mended) for rh, login in users]
    return found


async def _users(connections: Connections, set_role: str) -> list[tuple[str, str]]:
    async with connections.look() as connection:
        cursor = await connection.execute(
            "SELECT rh, login FROM p0.request WHERE stage IN ('provisioned', 'sealed') AND set_role = %s ORDER BY rh",
            (set_role,),
        )
        return [(str(rh), str(login)) for rh, login in await cursor.fetchall()]


async def _set(connections: Connections, lease: _Lease) -> tuple[str, bool] | None:
    """What the set role holds beyond or short of what was granted, and whether that is right again."""
    granted: Sequence[Permission] = decode(lease.granted.encode(), tuple[Permission, ...], max_bytes=MAX_GRANTED_BYTES)
    async with connections.writer(lease.database) as connection:
        if not await exists(connection, lease.set_role):
            return None  # it has just ended; if not, its login shows it
        changed = await changes(connection, lease.set_role, granted)
        if not changed:
            return None
        what = f"its privileges were changed: {changed}"
        if "missing: " in changed:
            return what, False
        try:
            async with writing(connection):
                await put_right(connections, connection, lease.set_role, granted)
        except GrantError:
            return what, False
        return what, True
