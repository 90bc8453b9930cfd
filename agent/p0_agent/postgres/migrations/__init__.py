"""The ledger's schema, as numbered files. A file that has been released is never changed; the next number follows."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

from psycopg import sql

from p0_agent.postgres.connections import Connection
from p0_agent.postgres.errors import LedgerError


def migrations() -> tuple[tuple[int, bytes], ...]:
    """Each file's number and text, in order."""
    files = (file for file in resources.files(__package__).iterdir() if file.name.endswith(".sql"))
    return tuple(sorted((int(file.name.partition("_")[0]), file.read_bytes()) for file in files))


def refusing_digest() -> str:
    """SHA-256 of the body of `p0.refuse`, the ledger's one function."""
    text = b"".join(text for _, text in migrations())
    (body,) = re.findall(rb"FUNCTION p0\.refuse\(\).*?\$p0\$(.*?)\$p0\$", text, re.DOTALL)
    return hashlib.sha256(body).hexdigest()


async def migrate(connection: Connection, *, now: int) -> int:
    """Brings the schema `p0` up to date, in the transaction that `connection` is in, and tells when it was first made.

    Two agents that start together take turns. A ledger newer than this software is refused.
    """
    await connection.execute("LOCK TABLE p0.writer IN EXCLUSIVE MODE")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS p0.migration (number integer PRIMARY KEY, applied_at bigint NOT NULL)"
    )
    cursor = await connection.execute("SELECT number, applied_at FROM p0.migration")
    applied = {int(str(number)): int(str(at)) for number, at in await cursor.fetchall()}
    known = migrations()
    if set(applied) - {number for number, _ in known}:
        raise LedgerError(
            "the ledger was made by a newer agent", code="ledger_too_new", hint="upgrade this agent before it runs here"
        )
    for number, text in known:
        if number not in applied:
            await connection.execute(text)
            await connection.execute(
                sql.SQL("INSERT INTO p0.migration (number, applied_at) VALUES (%s, %s)"), (number, now)
            )
            applied[number] = now
    return min(applied.values())
