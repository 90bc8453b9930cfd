"""Where the evidence is kept: a table in the home database that the agent may add to and read, and not change.

What the chain is made of, and how a copy of it is examined, is `p0_access.proof.evidence`.
"""

from __future__ import annotations

from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from p0_access.encoding import b64u
from p0_access.messages.records import LogHead
from p0_access.proof.evidence import BEFORE_GENESIS, GENESIS, LogEntry, link
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import EvidenceError
from p0_agent.postgres.messages import COMMIT, Rows, send, transaction

MAX_PAGE: Final = 1_000

REWOUND_CODE: Final = "evidence_rewound"
"""The code of the error that says that the log is older than it was."""

TURN: Final = sql.SQL("LOCK TABLE p0.chain IN EXCLUSIVE MODE")
"""Who adds to the log waits for whoever is adding."""

LAST: Final = sql.SQL("SELECT n, at, kind, body, h FROM p0_evidence.log ORDER BY n DESC LIMIT 1")
_FIELDS: Final = ("n", "at", "kind", "body", "h")


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """The next entry, and the head that it will make."""

    head: LogHead
    statement: sql.Composed


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
        async with self._connections.look() as connection, transaction(connection, TURN, LAST) as (last,):
            addition = self.addition(last, kind, body, now)
            await send(connection, addition.statement, COMMIT)
        return self.grown(addition.head)

    def addition(self, last: Rows, kind: str, body: str, now: int) -> Addition:
        """An entry to be added in a transaction that began with `TURN` and `LAST`, which gave `last`; `grown` follows
        once it is committed."""
        before = self._checked(self._known, LogEntry(**dict(zip(_FIELDS, last[0], strict=True))) if last else None)
        n, previous = (before.n + 1, before.h) if before else (0, BEFORE_GENESIS)
        h = link(previous, n=n, at=now, kind=kind, body=body)
        values = sql.SQL(", ").join(map(sql.Literal, (n, now, kind, body, h)))
        return Addition(
            head=LogHead(n=n, h=b64u(h)),
            statement=sql.SQL("INSERT INTO p0_evidence.log (n, at, kind, body, h) VALUES ({})").format(values),
        )

    def grown(self, head: LogHead) -> LogHead:
        """The log has come to `head`."""
        if self._known is None or head.n > self._known.n:
            self._known = head
        return head

    async def head(self) -> LogHead:
        known = self._known
        async with self._connections.look() as connection:
            last = self._checked(known, await _last(connection))
        if last is None:
            raise EvidenceError("the evidence log is empty", code="evidence_empty", hint="was its database restored?")
        return self.grown(LogHead(n=last.n, h=b64u(last.h)))

    def forget(self) -> None:
        """How far the log was known to have come: it is believed as it is from now on."""
        self._known = None

    async def holds(self, head: LogHead) -> bool:
        """Whether the log still has the entry that `head` was of."""
        async with self._connections.control() as connection:
            found = await _entries(connection, head.n, 1)
        return bool(found) and (found[0].n, b64u(found[0].h)) == (head.n, head.h)

    async def entries(self, *, first: int = 0, limit: int = MAX_PAGE) -> tuple[LogEntry, ...]:
        """At most `limit` entries from number `first` on, in order."""
        async with self._connections.look() as connection:
            return await _entries(connection, first, min(limit, MAX_PAGE))

    def _checked(self, known: LogHead | None, last: LogEntry | None) -> LogEntry | None:
        """The last entry. A database that was restored under a running agent is noticed here; `known` is what was known
        before it was read, since others add to it meanwhile."""
        if known is not None and (last is None or last.n < known.n or (last.n == known.n and b64u(last.h) != known.h)):
            raise EvidenceError(
                f"the evidence log no longer has its entry {known.n}: its database was restored",
                code=REWOUND_CODE,
                hint="The agent closes what the backup brought back, and goes on.",
            )
        return last


async def _entries(connection: Connection, first: int, limit: int) -> tuple[LogEntry, ...]:
    async with connection.cursor(row_factory=class_row(LogEntry)) as cursor:
        await cursor.execute(
            "SELECT n, at, kind, body, h FROM p0_evidence.log WHERE n >= %s ORDER BY n LIMIT %s", (first, limit)
        )
        return tuple(await cursor.fetchall())


async def _last(connection: Connection) -> LogEntry | None:
    async with connection.cursor(row_factory=class_row(LogEntry)) as cursor:
        await cursor.execute(LAST)
        return await cursor.fetchone()
