"""What the sessions of an access are set to, by the rules that decide it and the defaults: of several the strictest."""

from __future__ import annotations

from collections.abc import Iterable

from p0_access.routing.decision import LOGGED, Session


def strictest(sessions: Iterable[Session | None]) -> Session | None:
    """None where none of them says anything."""
    found = [session for session in sessions if session is not None]
    if not found:
        return None
    logged = [session.log_statement for session in found if session.log_statement is not None]
    return Session(
        statement_timeout=_least(session.statement_timeout for session in found),
        idle_timeout=_least(session.idle_timeout for session in found),
        idle_in_transaction_timeout=_least(session.idle_in_transaction_timeout for session in found),
        connections=_least(session.connections for session in found),
        temp_file_limit=_least(session.temp_file_limit for session in found),
        log_statement=max(logged, key=LOGGED.index, default=None),
    )


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
