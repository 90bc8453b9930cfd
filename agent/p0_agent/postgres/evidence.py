"""The evidence: a hash-chained, append-only log of the original signed records, in the home database.

    leaf(n) = SHA-256(0x00 ‖ u64(n) ‖ u64(at) ‖ u64(len(kind)) ‖ kind ‖ body)
    h(n)    = SHA-256(0x01 ‖ h(n-1) ‖ leaf(n)),  h(-1) = 32 zero bytes

Numbers are big-endian, texts UTF-8, `at` in seconds. Entry 0 is of kind `genesis` and its body is the thumbprint of the
agent's key. The database lets the agent add and read, not change; a chain that was cut or rewritten by somebody who can
shows against any head that was handed out before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec
from psycopg.rows import class_row

from p0_access.encoding import b64u
from p0_access.messages.records import LogHead
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import EvidenceError

GENESIS: Final = "genesis"
BEFORE_GENESIS: Final = bytes(32)
MAX_PAGE: Final = 1_000


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    n: int
    at: int
    kind: str
    body: str
    h: bytes


def link(previous: bytes, *, n: int, at: int, kind: str, body: str) -> bytes:
    """The hash of entry `n`, given that of the one before it."""
    named = kind.encode()
    leaf = hashlib.sha256(b"\0" + _u64(n) + _u64(at) + _u64(len(named)) + named + body.encode()).digest()
    return hashlib.sha256(b"\1" + previous + leaf).digest()


def check_chain(entries: Iterable[LogEntry], *, previous: bytes = BEFORE_GENESIS, first: int = 0) -> bytes:
    """The hash at the end of `entries`, which start at number `first` after `previous`; raises `EvidenceError` at the
    first gap or entry that is not what its hash says."""
    expected = first
    for entry in entries:
        if entry.n != expected:
            raise EvidenceError(f"the log has no entry {expected}", code="evidence_gap")
        previous = link(previous, n=entry.n, at=entry.at, kind=entry.kind, body=entry.body)
        if previous != entry.h:
            raise EvidenceError(f"entry {entry.n} of the log was changed", code="evidence_changed")
        expected += 1
    return previous


class Evidence:
    """`start` first, after `Ledger.start`, which makes the table that its writers take turns by."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

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
            last = await _last(connection)
            n, previous = (last.n + 1, last.h) if last else (0, BEFORE_GENESIS)
            h = link(previous, n=n, at=now, kind=kind, body=body)
            await connection.execute(
                "INSERT INTO p0_evidence.log (n, at, kind, body, h) VALUES (%s, %s, %s, %s, %s)",
                (n, now, kind, body, h),
            )
        return LogHead(n=n, h=b64u(h))

    async def head(self) -> LogHead:
        async with self._connections.control() as connection:
            last = await _last(connection)
        if last is None:
            raise EvidenceError("the evidence log is empty", code="evidence_empty", hint="was its database restored?")
        return LogHead(n=last.n, h=b64u(last.h))

    async def entries(self, *, first: int = 0, limit: int = MAX_PAGE) -> tuple[LogEntry, ...]:
        """At most `limit` entries from number `first` on, in order."""
        async with self._connections.control() as connection:
            return await _entries(connection, first, min(limit, MAX_PAGE))


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


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")
