"""A role with exactly some permissions runs a statement, and again with each one taken away; nothing of it stays.

All runs of a statement share one transaction, rolled back to a savepoint between them, which is many times as fast as
a session for each. PostgreSQL checks relations and columns whenever a plan starts, so no session's cache hides those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from inference_proof.oracle import execute
from p0_access.permissions.permission import Kind, Permission

DENIED: Final = "42501"
ROW_REFUSED: Final = "row refused"
_ROW_CHECKS: Final = frozenset({"ExecWithCheckOptions"})
UNSEEN: Final = frozenset({"42P01", "42883", "42704", "42703", "3F000"})
"""What PostgreSQL says of a name whose schema may not be looked into, if the search path led there."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is the SQLSTATE with all of them, empty if it ran; `idle` are those without which nothing was denied."""

    state: str
    idle: tuple[Permission, ...] = ()

    @property
    def sufficient(self) -> bool:
        return self.state != DENIED


async def attempt(
    connection: psycopg.AsyncConnection, statement: str, granted: Iterable[Permission], role: str
) -> Tried:
    """As a superuser, in a transaction of the caller's, who rolls it back."""
    wanted = [each for each in granted if each.kind is not Kind.DATABASE]
    act = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role))
    grants = [change("GRANT", each, role) for each in wanted]
    with_all = await _run(connection, statement, [*grants, sql.SQL("SAVEPOINT before"), act])
    if with_all == DENIED:
        return Tried(state=with_all)
    idle = []
    for each in wanted:
        state = await _run(
            connection, statement, [sql.SQL("ROLLBACK TO SAVEPOINT before"), change("REVOKE", each, role), act]
        )
        if state != DENIED and not (each.kind is Kind.SCHEMA and state in UNSEEN):
            idle.append(each)
    return Tried(state=with_all, idle=tuple(idle))


async def _run(connection: psycopg.AsyncConnection, statement: str, before: Sequence[sql.Composable]) -> str:
    """The SQLSTATE. What comes before goes as one message."""
    await connection.execute(sql.SQL("; ").join(before))
    try:
        await execute(connection, statement)
    except psycopg.Error as error:
        return ROW_REFUSED if row_refused(error) else error.sqlstate or "unknown"
    return ""


def row_refused(error: psycopg.Error) -> bool:
    """A row that a policy rejects has the same SQLSTATE as a privilege that is missing."""
    return error.sqlstate == DENIED and error.diag.source_function in _ROW_CHECKS


def change(verb: str, permission: Permission, role: str) -> sql.Composed:
    """GRANT or REVOKE."""
    direction = sql.SQL("TO" if verb == "GRANT" else "FROM")
    words = (sql.SQL("GRANT" if verb == "GRANT" else "REVOKE"), sql.SQL(permission.privilege))
    return sql.SQL("{} {} {} {} {}").format(*words, _on(permission), direction, sql.Identifier(role))


def _on(permission: Permission) -> sql.Composable:
    schema, name = permission.schema or "", permission.object or ""
    match permission.kind:
        case Kind.SCHEMA:
            return sql.SQL("ON SCHEMA {}").format(sql.Identifier(name))
        case Kind.COLUMN:
            column = sql.Identifier(permission.column or "")
            return sql.SQL("({}) ON {}").format(column, sql.Identifier(schema, name))
        case Kind.FUNCTION:
            called, _, arguments = name.partition("(")  # the arguments are PostgreSQL's own text, from the snapshot
            return sql.SQL("ON FUNCTION {}(").format(sql.Identifier(schema, called)) + sql.SQL(arguments)
        case Kind.LARGE_OBJECT:
            return sql.SQL("ON LARGE OBJECT {}").format(sql.Literal(int(name)))
        case Kind.SEQUENCE:
            return sql.SQL("ON SEQUENCE {}").format(sql.Identifier(schema, name))
        case Kind.TYPE:
            return sql.SQL("ON TYPE {}").format(sql.Identifier(schema, name))
        case _:
            return sql.SQL("ON TABLE {}").format(sql.Identifier(schema, name))
