"""Mandates in the agent's home database: what was verified on arrival, how often it was used, whether it was withdrawn.

An allowance is used in the transaction that adds it to a request's approvals, under the lock of its own row: it is
never counted more often than it says. What the records mean is `p0_agent.core.mandates`' business.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import LedgerError
from p0_agent.postgres.ledger import Approved

MAX_STANDING: Final = 1_000
"""Mandates of one kind that are looked at for a request; further ones are refused when they come."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A row. `verified` is the caller's own text about who signed; times are seconds since the epoch."""

    h: str
    rid: str
    kind: Literal["allow", "delegation"]
    database: str | None
    record: str
    verified: str
    uses: int | None
    begins: int
    ends: int
    at: int
    withdrawn_at: int | None = None


class Mandates:
    """Times are passed in, in seconds."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, mandate: Standing) -> Standing:
        """The row, made if there is none. Raises `LedgerError` (`rid_taken`) if its `rid` stands for another one."""
        async with self._connections.control() as connection:
            count = await connection.execute(
                "SELECT count(*) FROM p0.mandate WHERE kind = %s AND ends > %s AND withdrawn_at IS NULL",
                (mandate.kind, mandate.at),
            )
            row = await count.fetchone()
            if row is not None and int(str(row[0])) >= MAX_STANDING:
                raise LedgerError("too many of these stand already", code="too_many_mandates")
            await connection.execute(
                "INSERT INTO p0.mandate (h, rid, kind, database, record, verified, uses, begins, ends, at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (
                    mandate.h,
                    mandate.rid,
                    mandate.kind,
                    mandate.database,
                    mandate.record,
                    mandate.verified,
                    mandate.uses,
                    mandate.begins,
                    mandate.ends,
                    mandate.at,
                ),
            )
            found = await _many(connection, sql.SQL("WHERE h = %s"), mandate.h)
        if not found:
            raise LedgerError(f"{mandate.rid} is another mandate already", code="rid_taken", hint="Sign it again.")
        return found[0]

    async def get(self, h: str) -> Standing | None:
        async with self._connections.look() as connection:
            found = await _many(connection, sql.SQL("WHERE h = %s"), h)
        return found[0] if found else None

    async def withdraw(self, h: str, now: int) -> None:
        """From now on it counts for no further request. Again, it changes nothing."""
        async with self._connections.look() as connection:
            await connection.execute(
                "UPDATE p0.mandate SET withdrawn_at = %s WHERE h = %s AND withdrawn_at IS NULL", (now, h)
            )

    async def withdraw_all(self, now: int) -> None:
        """As if who signed them had: nothing that was signed in advance counts any more."""
        async with self._connections.control() as connection:
            await connection.execute("UPDATE p0.mandate SET withdrawn_at = %s WHERE withdrawn_at IS NULL", (now,))

    async def allowances(self, database: str, now: int) -> tuple[Standing, ...]:
        """Those that stand now and have a use left, the oldest first."""
        where = sql.SQL(
            "WHERE kind = 'allow' AND database = %s AND begins <= %s AND ends > %s AND withdrawn_at IS NULL"
            " AND (SELECT count(*) FROM p0.mandate_use u WHERE u.h = m.h) < uses ORDER BY at, h"
        )
        async with self._connections.look() as connection:
            return await _many(connection, where, database, now, now)

    async def delegations(self, now: int) -> tuple[Standing, ...]:
        """Those that stand now, the oldest first."""
        where = sql.SQL(
            "WHERE kind = 'delegation' AND begins <= %s AND ends > %s AND withdrawn_at IS NULL ORDER BY at, h"
        )
        async with self._connections.look() as connection:
            return await _many(connection, where, now, now)

    async def use(self, h: str, rh: str, approval: Approved) -> bool:
        """Spends one use on the request `rh` by adding `approval` to it. False when none is left, it does not stand any
        more, or the request does not wait; one that was spent on this request before is not spent again."""
        async with self._connections.control() as connection:
            locked = await _many(connection, sql.SQL("WHERE h = %s FOR UPDATE"), h)
            if not locked or locked[0].withdrawn_at is not None or not locked[0].begins <= approval.at < locked[0].ends:
                return False
            used = await connection.execute("SELECT rh FROM p0.mandate_use WHERE h = %s", (h,))
            spent = {str(row[0]) for row in await used.fetchall()}
            if rh in spent:
                return True
            if len(spent) >= (locked[0].uses or 0):
                return False
            waits = await connection.execute(
                "SELECT 1 FROM p0.request WHERE rh = %s AND stage = 'admitted' FOR UPDATE", (rh,)
            )
            if await waits.fetchone() is None:
                return False
            await connection.execute("INSERT INTO p0.mandate_use (h, rh, at) VALUES (%s, %s, %s)", (h, rh, approval.at))
            await connection.execute(
                "INSERT INTO p0.approval (rh, h, decision, record, verified, at) VALUES (%s, %s, %s, %s, %s, %s)",
                (rh, approval.h, approval.decision, approval.record, approval.verified, approval.at),
            )
            return True


_COLUMNS: Final = sql.SQL(", ").join(sql.Identifier(field) for field in Standing.__struct_fields__)


async def _many(connection: Connection, where: sql.SQL, *parameters: object) -> tuple[Standing, ...]:
    async with connection.cursor(row_factory=class_row(Standing)) as cursor:
        await cursor.execute(sql.SQL("SELECT {} FROM p0.mandate m {}").format(_COLUMNS, where), parameters)
        return tuple(await cursor.fetchall())
