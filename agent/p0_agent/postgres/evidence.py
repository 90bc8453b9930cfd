"""Where the evidence is kept: a table in the home database that the agent may add to and read, and not change.

What the chain is made of, and how a copy of it is examined, is `p0_access.proof.evidence`.
"""

from __future__ import annotations

from typing import Final

from psycopg.rows import class_row

from p0_access.encoding import b64u
from p0_access.messages.records import LogHead
from p0_access.proof.evidence import BEFORE_GENESIS, GENESIS, LogEntry, link
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import EvidenceError

MAX_PAGE: Final = 1_000


class Evidence:
    """`start` first, after `Ledger.start`, which makes the table that its writers take turns by."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: LogHead | None = None

    async def start(self, thumbprint: str, now: int) -> LogHead:
        """Begins the log in the name of the agent's key; a log of another key's is refused."""
        async with self._connections.control() as connection:
            first = await _entries(connection, 0, 1)
        if not first:
            return await self.append(GENESIS, thumbprint, now)
        if first[0].kind != GENESIS or first[0].body != thumbprint:
            raise EvidenceError(
                "the evidence log in this database belongs to another agent's key",
                code="evidence_foreign",
                hint="use the key that began it, or another home database",
            )
        return await self.head()

    async def append(self, kind: str, body: str, now: int) -> LogHead:
        """Adds an entry and returns the head that it makes. Durable on return."""
        async with self._connections.control() as connection:
            await connection.execute("LOCK TABLE p0.chain IN EXCLUSIVE MODE")
            last = await self._last(connection)
            n, previous = (last.n + 1, last.h) if last else (0, BEFORE_GENESIS)
            h = link(previous, n=n, at=now, kind=kind, body=body)
            await connection.execute(
                "INSERT INTO p0_evidence.log (n, at, kind, body, h) VALUES (%s, %s, %s, %s, %s)",
                (n, now, kind, body, h),
            )
        return self._grown(LogHead(n=n, h=b64u(h)))

    async def head(self) -> LogHead:
        async with self._connections.look() as connection:
            last = await self._last(connection)
        if last is None:
            raise EvidenceError("the evidence log is empty", code="evidence_empty", hint="was its database restored?")
        return self._grown(LogHead(n=last.n, h=b64u(last.h)))

    async def holds(self, head: LogHead) -> bool:
        """Whether the log still has the entry that `head` was of."""
        async with self._connections.control() as connection:
            found = await _entries(connection, head.n, 1)
        return bool(found) and (found[0].n, b64u(found[0].h)) == (head.n, head.h)

    async def entries(self, *, first: int = 0, limit: int = MAX_PAGE) -> tuple[LogEntry, ...]:
        """At most `limit` entries from number `first` on, in order."""
        async with self._connections.look() as connection:
            return await _entries(connection, first, min(limit, MAX_PAGE))

    async def _last(self, connection: Connection) -> LogEntry | None:
        """The last entry. A database that was restored under a running agent is noticed here."""
        known = self._known  # before it is read: others add to it meanwhile
        last = await _last(connection)
        if known is not None and (last is None or last.n < known.n or (last.n == known.n and b64u(last.h) != known.h)):
            raise EvidenceError(
                f"the evidence log no longer has its entry {known.n}: its database was restored",
                code="evidence_rewound",
                hint="Restart the agent: it closes what the backup brought back.",
            )
        return last

    def _grown(self, head: LogHead) -> LogHead:
        if self._known is None or head.n > self._known.n:
            self._known = head
        return head


async def _entries(connection: Connection, first: int, limit: int) -> tuple[LogEntry, ...]:
    async with connection.cursor(row_factory=class_row(LogEntry)) as cursor:
        await cursor.execute(
            "SELECT n, at, kind, body, h FROM p0_evidence.log WHERE n >= %s ORDER BY n LIMIT %s", (first, limit)
        )
        return tuple(await cursor.fetchall())


async def _last(connection: Connection) -> LogEntry | None:
    async with connection.cursor(row_factory=class_row(LogEntry)) as cursor:
        await cursor.execute("SELECT n, at, kind, body, h FROM p0_evidence.log ORDER BY n DESC LIMIT 1")
        return await cursor.fetchone()
