"""The hardened mode: what the agent does to roles are calls of functions in the schema `p0_guard` of each database.

They belong to the broker, run with its rights, and check what they are asked for against a ceiling that the agent
cannot write (`sql/guard.sql`). The agent's login is a member of nothing. Nothing here executes a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, LiteralString

import msgspec
from psycopg import sql
from psycopg.types.json import Jsonb

from p0_access.permissions.permission import Kind, Permission
from p0_agent.postgres.powers import DEFAULT_BROKER, NewLogin

CLOCK_SLACK: Final = 60
"""Seconds by which the agent's clock may be ahead of the server's when it fixes an end."""

SETTINGS: Final = (
    "application_name",
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "log_statement",
    "search_path",
    "statement_timeout",
    "temp_file_limit",
)
"""What may be set for a login: nothing that loads or runs anything."""


FUNCTIONS: Final = (
    "open_set(text)",
    "grant(text,jsonb)",
    "open(text,text,text,bigint,integer,text,jsonb)",
    "renew(text,text)",
    "restore(text,bigint,text,jsonb)",
    "fence(text,text)",
    "kill(text)",
    "enter(text,text,text)",
    "become(text)",
    "leave(text)",
    "keep(text[])",
    "clear(text[])",
    "close(text[])",
)
"""All that the agent may execute."""


class GuardCeiling(msgspec.Struct, frozen=True, kw_only=True):
    """What is written into each database when it is set up. `max_ttl` in seconds; `kinds` are what permissions may be
    on; `roles` are those, existing already, that a login may be made a member of."""

    max_ttl: int
    max_permissions: int
    connections: int
    privileges: tuple[str, ...]
    kinds: tuple[Kind, ...]
    roles: tuple[str, ...] = ()


class GuardPowers:
    """`Powers` by calls."""

    def __init__(self, broker: str = DEFAULT_BROKER) -> None:
        self.broker: Final = broker
        self.apart: Final = True

    def make_set(self, role: str, *, shared: bool) -> sql.Composed:  # noqa: ARG002  the functions know the version
        return _call("open_set", role)

    def grant(self, role: str, permissions: Sequence[Permission], *, shared: bool) -> sql.Composed:  # noqa: ARG002  as above
        return _call("grant", role, Jsonb(msgspec.to_builtins(permissions)))

    def make_login(self, login: NewLogin, *, shared: bool) -> sql.Composed:  # noqa: ARG002  as above
        return _call(
            "open",
            login.name,
            login.set_role,
            login.verifier,
            login.not_after,
            login.connection_limit,
            login.comment,
            Jsonb(login.settings),
        )

    def renew_password(self, login: str, verifier: str) -> sql.Composed:
        return _call("renew", login, verifier)

    def restore(
        self,
        login: str,
        not_after: int,
        settings: Mapping[str, tuple[str, ...]],
        *,
        elsewhere: Sequence[str],  # noqa: ARG002  the function finds these itself
        comment: str = "",
    ) -> sql.Composed:
        return _call("restore", login, not_after, comment, Jsonb(settings))

    def fence(self, login: str, set_role: str | None, *, shared: bool) -> sql.Composed:  # noqa: ARG002  as above
        return _call("fence", login, set_role or "")

    def kill(self, login: str, *, shared: bool) -> sql.Composed:  # noqa: ARG002  as above
        return _call("kill", login)

    def enter(self, login: str, verifier: str, database: str) -> sql.Composed:
        """Prepares for logging in once as a fenced login with the password of `verifier`, in a database where the agent
        has nothing to call and perhaps no way in."""
        return _call("enter", login, verifier, database)

    def become(self, role: str, *, shared: bool) -> sql.Composed:  # noqa: ARG002  as above
        return _call("become", role)

    def leave(self, role: str) -> sql.Composed:
        return _call("leave", role)

    def take(self, roles: Sequence[str], *, shared: bool) -> sql.Composed:  # noqa: ARG002  the functions do that themselves
        return sql.Composed([sql.SQL("SELECT")])

    def keep(self, roles: Sequence[str], keeper: str) -> sql.Composed:  # noqa: ARG002  the ceiling knows the keeper
        return _call("keep", list(roles))

    def clear(self, roles: Sequence[str], *, plain: bool = False) -> sql.Composed:  # noqa: ARG002  it looks itself
        return _call("clear", list(roles))

    def drop(self, roles: Sequence[str]) -> sql.Composed:
        return _call("close", list(roles))


def _call(function: LiteralString, *arguments: object) -> sql.Composed:
    return sql.SQL("SELECT p0_guard.{}({})").format(
        sql.Identifier(function), sql.SQL(", ").join(map(sql.Literal, arguments))
    )
