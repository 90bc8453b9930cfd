"""Emergencies in the agent's home database: that a notice of each was sent before it began, and who reviewed it."""

from __future__ import annotations

import msgspec
from psycopg.rows import class_row

from p0_agent.postgres.connections import Connections
from p0_agent.postgres.errors import LedgerError


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """`record` is the signed review, once there is one."""

    rh: str
    record: str | None


class Reviews:
    """Times are passed in, in seconds."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def noticed(self, rh: str, now: int) -> None:
        """A notice of it was sent. Again, it keeps the first time."""
        async with self._connections.look() as connection:
            await connection.execute(
                "INSERT INTO p0.review (rh, noticed_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (rh, now)
            )

    async def get(self, rh: str) -> Reviewed | None:
        async with self._connections.look() as connection, connection.cursor(row_factory=class_row(Reviewed)) as cursor:
            await cursor.execute("SELECT rh, record FROM p0.review WHERE rh = %s", (rh,))
            return await cursor.fetchone()

    async def close(self, rh: str, record: str, verified: str, now: int) -> None:
        """Somebody has looked at it. The first review stands. Raises `LedgerError` where none is waited for. `verified`
        is the caller's own text about who it was."""
        async with self._connections.look() as connection:
            await connection.execute(
                "UPDATE p0.review SET record = %s, verified = %s, reviewed_at = %s"
                " WHERE rh = %s AND reviewed_at IS NULL",
                (record, verified, now, rh),
            )
        if await self.get(rh) is None:
            raise LedgerError("no review of this is waited for", code="no_review")
