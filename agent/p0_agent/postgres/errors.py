"""Errors of the database side.

AgentError
└── PostgresError               base; `code` is stable, the message names objects but never holds a secret
    ├── DatabaseUnavailableError  transient: no connection, or it broke, or it took too long
    ├── DatabaseBusyError         transient: a lock was not to be had in time, or there is no room for more
    ├── GrantError                the permissions cannot be granted exactly; nothing was left behind
    ├── GuardMissingError         hardened mode: the agent's functions are not in this database
    ├── EndIncompleteError        an access could not be ended completely; the sweep tries again
    ├── LedgerError               a request's row does not allow this step
    ├── EvidenceError             the log is not the one that this agent wrote
    └── SelfCheckError            the agent's account holds what it must not, or lacks what it needs
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors as sqlstate

from p0_agent.errors import AgentError, TransientError

GUARD_REFUSED: Final = "P0G01"
"""The SQLSTATE with which the functions of the hardened mode refuse."""

GUARD_HINT: Final = "is its ceiling what the configuration says? Run the output of `p0 agent bootstrap-sql --hardened`"


class PostgresError(AgentError):
    """The database said no, or something unforeseen."""


class DatabaseUnavailableError(PostgresError, TransientError):
    """The database does not answer."""


class DatabaseBusyError(PostgresError, TransientError):
    """A lock was not to be had within the lock timeout, or there is no room: disk, memory, connections."""


class GrantError(PostgresError):
    """The permissions cannot be granted exactly as asked."""


class GuardMissingError(PostgresError):
    """The functions of the hardened mode are not in this database, or are older ones."""


class EndIncompleteError(PostgresError):
    """Something of an access is still there."""


class LedgerError(PostgresError):
    """The request's row does not allow this step."""


class EvidenceError(PostgresError):
    """The evidence log is not what it should be."""


class SelfCheckError(PostgresError):
    """The account is not fit for the agent."""


def translated(error: psycopg.Error) -> PostgresError:
    """Ours for psycopg's, by SQLSTATE and class, never by text. The server's first line is kept: it names objects; that
    of a connection that was not made, too: it names host, port and cause."""
    told = _told(error)
    state = error.sqlstate or ""
    if isinstance(error, sqlstate.LockNotAvailable | sqlstate.DeadlockDetected):
        return DatabaseBusyError(
            f"the database is busy: {told}", code="database_busy", hint="another transaction holds the lock; try again"
        )
    if isinstance(error, sqlstate.QueryCanceled):
        return DatabaseBusyError(f"the database took too long: {told}", code="database_timeout")
    if state[:2] == "53":  # insufficient resources
        return DatabaseBusyError(
            f"the database has no room: {told}",
            code="database_exhausted",
            hint="a full disk, no memory, or too many connections; accesses end all the same",
        )
    if isinstance(error, sqlstate.InsufficientPrivilege):
        return GrantError(
            f"the agent may not do this: {told}",
            code="agent_lacks_privilege",
            hint="run the output of `p0 agent bootstrap-sql` again; it covers objects made since",
        )
    if state == GUARD_REFUSED:
        return GrantError(f"the database's guard refuses: {told}", code="guard_refused", hint=GUARD_HINT)
    if isinstance(error, sqlstate.InvalidSchemaName | sqlstate.UndefinedFunction):
        return GuardMissingError(f"the agent's functions are not there: {told}", code="guard_missing", hint=GUARD_HINT)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and state[:2] not in {"54", "55"}:
        return DatabaseUnavailableError(
            f"the database does not answer: {told}",
            code="database_unavailable",
            hint="[cluster] says where it is, and as whom; `p0 agent bootstrap-sql` makes those logins",
        )
    return PostgresError(f"the database refused ({state or 'no SQLSTATE'}): {told}", code="database_error")


def _told(error: psycopg.Error) -> str:
    if error.diag.message_primary:
        return error.diag.message_primary
    if isinstance(error, psycopg.OperationalError) and error.pgconn is not None:
        return str(error).partition("\n")[
            0
        ]  # libpq's; psycopg's own words may hold a piece of a mistyped DSN's password
    return type(error).__name__
