"""The ledger: one row a request, in the schema `p0` of the home database. The agent trusts it and nothing else.

Its stages and steps are those of `entries`. The step to `provisioned` is taken by `provision`, in the transaction that
makes the login; the step to `ending` fences it. What the records say is not looked at here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from p0_access.messages.records import Cause
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.entries import (
    COLUMNS,
    OPEN,
    Closed,
    Entry,
    Stage,
    advanced,
    require,
    stepped,
)
from p0_agent.postgres.errors import DatabaseBusyError, LedgerError
from p0_agent.postgres.evidence import LAST, TURN, Evidence
from p0_agent.postgres.messages import BRIEFLY, COMMIT, Rows, send, transaction
from p0_agent.postgres.migrations import migrate
from p0_agent.postgres.roles import has_set_option

MAX_APPROVALS: Final = 200


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """An approval or denial: `h` is the hash of its record, `verified` the caller's own text about who it was."""

    h: str
    decision: Literal["approve", "deny"]
    record: str
    verified: str
    at: int


class LiveAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A live access, in short. `sealed`: its credential was handed out."""

    rh: str
    database: str
    login: str
    not_after: int
    sealed: bool


class Ledger:
    """`start` first. Times are passed in, in seconds. What a step signs is in the evidence by the same transaction."""

    def __init__(self, connections: Connections, evidence: Evidence) -> None:
        self._connections = connections
        self._evidence = evidence

    async def start(self, now: int) -> int:
        """Makes or migrates the tables. Returns when this ledger was first made: what was signed before that may have
        been seen by a ledger that is lost, and must be refused."""
        async with self._connections.control() as connection:
            return await migrate(connection, now=now)

    async def claim(self, *, rh: str, rid: str, database: str, request: str, now: int) -> Entry:
        """The row of `rh`, made if there is none: the same request always resumes where it was.

        Raises `LedgerError` (`rid_taken`) if `rid` stands for another request.
        """
        async with self._connections.control() as connection:
            await connection.execute(
                "INSERT INTO p0.request (rh, rid, database, stage, request, claimed_at, updated_at)"
                " VALUES (%s, %s, %s, 'claimed', %s, %s, %s) ON CONFLICT DO NOTHING",
                (rh, rid, database, request, now, now),
            )
            entry = await _one(connection, _BY_HASH, rh)
        if entry is None:
            raise LedgerError(f"{rid} is another request already", code="rid_taken", hint="submit it again")
        return entry

    async def get(self, rh: str) -> Entry | None:
        async with self._connections.look() as connection:
            return await _one(connection, _BY_HASH, rh)

    async def admit(self, rh: str, admission: str, stage: Literal["admitted", "approved", "denied"], now: int) -> Entry:
        """The reading and the verdict: waiting for people, automatic, or denied."""
        return await self._step(rh, ("claimed",), stage, now, admission=admission)

    async def approve(self, rh: str, now: int) -> Entry:
        """Enough people have approved."""
        return await self._step(rh, ("admitted",), "approved", now)

    async def close(self, rh: str, stage: Closed, now: int, *, refusal: str | None = None) -> Entry:
        """It will not be granted, and that is final."""
        if refusal is None:
            return await self._step(rh, OPEN, stage, now)
        return await self._step_and_say(rh, OPEN, stage, now, ("refusal", refusal), refusal=refusal)

    async def add_approval(self, rh: str, approval: Approved) -> tuple[Approved, ...]:
        """Adds one and returns all, in order of arrival; the same one again changes nothing. A denial closes the
        request for good, so that nothing can be added after it."""
        async with self._connections.control() as connection:
            entry = await _one(connection, _BY_HASH_LOCKED, rh)
            present = await _approvals(connection, rh)
            if any(other.h == approval.h for other in present):
                return present
            require(entry, ("admitted",))
            if len(present) >= MAX_APPROVALS:
                raise LedgerError("too many approvals for one request", code="too_many_approvals")
            await connection.execute(
                "INSERT INTO p0.approval (rh, h, decision, record, verified, at) VALUES (%s, %s, %s, %s, %s, %s)",
                (rh, approval.h, approval.decision, approval.record, approval.verified, approval.at),
            )
            if approval.decision == "deny":
                await _advance(connection, rh, ("admitted",), "denied", approval.at)
            return (*present, approval)

    async def approvals(self, rh: str) -> tuple[Approved, ...]:
        async with self._connections.look() as connection:
            return await _approvals(connection, rh)

    async def seal(self, rh: str, credential: str, now: int, *, attempt: int) -> Entry:
        """The sealed credential, to be returned unchanged from now on. `attempt` is that of `Opened`: a password that
        was replaced meanwhile is not sealed, which is transient, since the other attempt's is."""
        said = ("credential", credential)
        return await self._step_and_say(
            rh, ("provisioned",), "sealed", now, said, attempt=attempt, credential=credential
        )

    async def begin_end(self, rh: str, cause: Cause, now: int) -> Entry:
        """From now on it can only end, and nobody can log in any more, unless the login itself is in the way:
        then it is fenced with the end. Begun again, it keeps its first cause.

        This may be forgotten if PostgreSQL crashes within the second, as its sessions are then: whoever wanted the end
        still does, and begins it again.
        """
        try:
            return await self._begin_end(rh, cause, now, fencing=True)
        except DatabaseBusyError:
            return await self._begin_end(rh, cause, now, fencing=False)

    async def _begin_end(self, rh: str, cause: Cause, now: int, *, fencing: bool) -> Entry:
        step = advanced(rh, _BEFORE_THE_END, "ending", now, cause=cause) + _PRESENT
        first = (_NOT_DURABLE, *((BRIEFLY,) if fencing else ()), step)
        async with self._connections.look() as connection, transaction(connection, *first) as (rows,):
            if not rows:
                begun = await _one(connection, _BY_HASH, rh)
                if begun is not None and begun.stage in {"ending", "ended"}:
                    return begun
            entry = await _stepped(connection, rh, _BEFORE_THE_END, [row[:-2] for row in rows])
            ((*_, has_login, has_set),) = rows
            fence = []
            if fencing and has_login and entry.login is not None:
                powers, set_role = self._connections.powers, entry.set_role if has_set else None
                fence.append(powers.fence(entry.login, set_role, shared=has_set_option(connection)))
            await send(connection, *fence, COMMIT)
            return entry

    async def end(self, rh: str, deletion: str, now: int) -> Entry:
        """Nothing of it is left, and this is the receipt. The sealed credential is forgotten."""
        return await self._step_and_say(rh, ("ending",), "ended", now, ("deletion", deletion), deletion=deletion)

    async def due(self, now: int) -> tuple[Entry, ...]:
        """Accesses that are past their end, or whose end was begun and not finished."""
        return await self._list(
            sql.SQL("WHERE stage IN ('provisioned', 'sealed', 'ending') AND (not_after <= %s OR stage = 'ending')"), now
        )

    async def expired(self, now: int) -> tuple[Entry, ...]:
        """Of those the ones whose end is not begun."""
        return await self._list(sql.SQL("WHERE stage IN ('provisioned', 'sealed') AND not_after <= %s"), now)

    async def live(self) -> tuple[Entry, ...]:
        """Accesses whose login may exist, the next to end first."""
        return await self._list(sql.SQL("WHERE stage IN ('provisioned', 'sealed', 'ending')"))

    async def count_live(self) -> int:
        async with self._connections.look() as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM p0.request WHERE stage IN ('provisioned', 'sealed', 'ending')"
            )
            return sum([int(str(number)) for (number,) in await cursor.fetchall()])

    async def accesses(self) -> tuple[LiveAccess, ...]:
        """Those whose end has not begun, the next to end first: as little of each as a look every moment may take."""
        async with (
            self._connections.look() as connection,
            connection.cursor(row_factory=class_row(LiveAccess)) as cursor,
        ):
            await cursor.execute(
                "SELECT rh, database, login, not_after, stage = 'sealed' AS sealed FROM p0.request"
                " WHERE stage IN ('provisioned', 'sealed') ORDER BY not_after, rh"
            )
            return tuple(await cursor.fetchall())

    async def among(self, rhs: Collection[str]) -> tuple[Entry, ...]:
        """Those of them that there are."""
        return await self._list(sql.SQL("WHERE rh = ANY(%s)"), list(rhs)) if rhs else ()

    async def ended_since(self, then: int) -> tuple[Entry, ...]:
        """Accesses that ended at `then` or later, whose receipts somebody may not have."""
        return await self._list(sql.SQL("WHERE stage = 'ended' AND updated_at >= %s"), then)

    async def open(self) -> tuple[Entry, ...]:
        """Requests that are neither granted nor closed, oldest first."""
        return await self._list(sql.SQL("WHERE stage IN ('claimed', 'admitted', 'approved')"))

    async def _step(self, rh: str, allowed: tuple[Stage, ...], to: Stage, now: int, **columns: str | None) -> Entry:
        async with self._connections.look() as connection:
            return await _advance(connection, rh, allowed, to, now, **columns)

    async def _step_and_say(
        self,
        rh: str,
        allowed: tuple[Stage, ...],
        to: Stage,
        now: int,
        said: tuple[str, str],
        *,
        attempt: int | None = None,
        **columns: str,
    ) -> Entry:
        """The step and its entry in the evidence, `said` of a kind and a body: both or neither."""
        step = advanced(rh, allowed, to, now, **columns)
        async with (
            self._connections.look() as connection,
            transaction(connection, TURN, LAST, step) as (last, row),
        ):
            entry = await _stepped(connection, rh, allowed, row)
            if attempt is not None and entry.attempt != attempt:
                raise DatabaseBusyError("the login was given another password", code="provisioned_again")
            addition = self._evidence.addition(last, *said, now)
            await send(connection, addition.statement, COMMIT)
            self._evidence.grown(addition.head)
            return entry

    async def _list(self, where: sql.SQL, *parameters: object) -> tuple[Entry, ...]:
        async with self._connections.look() as connection:
            return await _many(
                connection, where + sql.SQL(" ORDER BY coalesce(not_after, claimed_at), rh"), *parameters
            )


_NOT_DURABLE: Final = sql.SQL("SET LOCAL synchronous_commit = off")
_BEFORE_THE_END: Final[tuple[Stage, ...]] = ("provisioned", "sealed")
_PRESENT: Final = sql.SQL(
    ", pg_catalog.to_regrole(pg_catalog.quote_ident(login)) IS NOT NULL"
    ", pg_catalog.to_regrole(pg_catalog.quote_ident(set_role)) IS NOT NULL"
)
"""What a step to `ending` (`advanced`) returns besides the row: whether the login exists, and whether its set role."""


async def _advance(
    connection: Connection, rh: str, allowed: tuple[Stage, ...], to: Stage, now: int, **columns: str | int | None
) -> Entry:
    (rows,) = await send(connection, advanced(rh, allowed, to, now, **columns))
    return await _stepped(connection, rh, allowed, rows)


async def _stepped(connection: Connection, rh: str, allowed: tuple[Stage, ...], rows: Rows) -> Entry:
    """The row after its step, or the error that says where it is instead."""
    if not rows:
        require(await _one(connection, _BY_HASH, rh), allowed)
    return stepped(rows)


_BY_HASH: Final = sql.SQL("WHERE rh = %s")
_BY_HASH_LOCKED: Final = sql.SQL("WHERE rh = %s FOR UPDATE")


async def _one(connection: Connection, where: sql.Composable, *parameters: object) -> Entry | None:
    found = await _many(connection, where, *parameters)
    return found[0] if found else None


async def _many(connection: Connection, where: sql.Composable, *parameters: object) -> tuple[Entry, ...]:
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(sql.SQL("SELECT {} FROM p0.request {}").format(COLUMNS, where), parameters)
        return tuple(await cursor.fetchall())


async def _approvals(connection: Connection, rh: str) -> tuple[Approved, ...]:
    async with connection.cursor(row_factory=class_row(Approved)) as cursor:
        await cursor.execute(
            "SELECT h, decision, record, verified, at FROM p0.approval WHERE rh = %s ORDER BY n", (rh,)
        )
        return tuple(await cursor.fetchall())
