"""The settings of a login: what its sessions begin with, from what the rules say and what the agent does by itself.

They guard against mistakes, and say in the server's log who and why; whoever has the login can change most of them.
Only what takes SET ON PARAMETER (`SUPERUSERS`) is theirs to change no more than VALID UNTIL is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import sql

from p0_access.routing.decision import Session

STATEMENT_TIMEOUT: Final = 900
IDLE_TIMEOUT: Final = 3600
IDLE_IN_TRANSACTION_TIMEOUT: Final = 300
"""In seconds, where no rule says otherwise."""

SUPERUSERS: Final = ("log_statement", "temp_file_limit")
"""Settings that a role may make only where it was granted SET on the parameter, which PostgreSQL knows from 15 on."""

PARAMETERS_FROM: Final = 150000
MAX_APPLICATION_NAME: Final = 63


def session_settings(
    session: Session,
    *,
    read_only: bool,
    search_path: Sequence[str],
    application_name: str,
    privileged: bool,
) -> dict[str, tuple[str, ...]]:
    """Name to values. `privileged`: the agent may set `SUPERUSERS`; otherwise they are left out."""
    timeouts = {
        "statement_timeout": session.statement_timeout or STATEMENT_TIMEOUT,
        "idle_in_transaction_session_timeout": session.idle_in_transaction_timeout or IDLE_IN_TRANSACTION_TIMEOUT,
        "idle_session_timeout": session.idle_timeout or IDLE_TIMEOUT,
    }
    settings: dict[str, tuple[str, ...]] = {name: (f"{seconds}s",) for name, seconds in timeouts.items()}
    settings["default_transaction_read_only"] = ("on" if read_only else "off",)
    settings["search_path"] = (*(schema for schema in search_path if schema != "pg_temp"), "pg_temp")
    settings["application_name"] = (_plain(application_name),)
    if privileged and session.log_statement is not None:
        settings["log_statement"] = (session.log_statement,)
    if privileged and session.temp_file_limit is not None:
        settings["temp_file_limit"] = (f"{session.temp_file_limit}MB",)
    return settings


def wants_privileged(session: Session) -> bool:
    """Whether any of `SUPERUSERS` is to be set."""
    return session.log_statement is not None or session.temp_file_limit is not None


def may_set(maker: str) -> sql.Composed:
    """An expression for whether the role that makes a login may set all of them, from `PARAMETERS_FROM` on."""
    return sql.SQL(" AND ").join(
        sql.SQL("pg_catalog.has_parameter_privilege({}, {}, 'SET')").format(sql.Literal(maker), sql.Literal(name))
        for name in SUPERUSERS
    )


def _plain(name: str) -> str:
    """As PostgreSQL would show it: printable ASCII, and not too long."""
    return "".join(character if " " <= character <= "~" else "?" for character in name)[:MAX_APPLICATION_NAME]
