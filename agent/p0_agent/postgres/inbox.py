"""The inbox in the agent's home database: signed acts that came past the server. It reads nothing of them."""

from __future__ import annotations

from typing import Final

from p0_agent.postgres.connections import Connections

AT_ONCE: Final = 20
"""So many are taken in one look."""


class Inbox:
    """Times are passed in, in seconds."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def put(self, body: str) -> int:
        """Its number, under which the answer will be."""
        async with self._connections.look() as connection:
            cursor = await connection.execute("INSERT INTO p0.inbox (body) VALUES (%s) RETURNING n", (body,))
            row = await cursor.fetchone()
        assert row is not None  # RETURNING
        return int(str(row[0]))

    async def waiting(self, *, after: int = 0) -> tuple[tuple[int, str], ...]:
        """The first of those without an answer that came `after` another, in the order they came."""
        async with self._connections.look() as connection:
            cursor = await connection.execute(
                "SELECT n, body FROM p0.inbox WHERE answer IS NULL AND n > %s ORDER BY n LIMIT %s", (after, AT_ONCE)
            )
            return tuple((int(str(n)), str(body)) for n, body in await cursor.fetchall())

    async def answer(self, n: int, answer: str, now: int) -> None:
        """The first answer stands."""
        async with self._connections.look() as connection:
            await connection.execute(
                "UPDATE p0.inbox SET answer = %s, answered_at = %s WHERE n = %s AND answer IS NULL", (answer, now, n)
            )

    async def answered(self, n: int) -> str | None:
        async with self._connections.look() as connection:
            cursor = await connection.execute("SELECT answer FROM p0.inbox WHERE n = %s", (n,))
            row = await cursor.fetchone()
        return None if row is None or row[0] is None else str(row[0])
