"""What the agent does to roles, as text of SQL: one method for each act, and nothing else changes a role.

Each role is made by one of 256 `makers`, since PostgreSQL looks at all that one has made at every turn. None can log
in, and each has a function in the schema `p0_makers` of each database, which executes what the broker gives it.

There are two ways to have these powers. `BrokerPowers` are statements of the agent's own, which acts as the broker;
`p0_agent.postgres.guard` has the other: calls of functions that belong to the broker, which the agent is not.
Statements may be joined by `;` with others into one message. Nothing here executes one, and what is granted is believed
by nobody before it was read back (`grants`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, LiteralString, Protocol

import msgspec
from psycopg import sql

from p0_access.permissions.permission import Permission
from p0_access.secret import Hidden
from p0_agent.postgres.errors import GUARD_REFUSED
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, maker_of
from p0_agent.postgres.queries import query
from p0_agent.postgres.statements import grants, membership, without

DEFAULT_BROKER: Final = "p0_broker"
DEFAULT_KEEPER: Final = "p0_keeper"
KEEPER_COMMENT: Final = "p0: owns what logins left behind"
"""By which the keeper is known: a role of that name that others made is not taken for it."""

MAKER_BODY: Final = "BEGIN EXECUTE statements; END"
"""Of each maker's function in `p0_makers`."""

_KEEP: Final = """DO {quote}
DECLARE
  roles CONSTANT text[] := {roles};
  keeper CONSTANT text := {keeper};
  here CONSTANT oid := (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database());
  statement text;
  dropped integer;
  stuck text;
BEGIN
{body}END
{quote}"""
_CLEAR: Final = """DO {quote}
DECLARE
  roles CONSTANT text[] := {roles};
  statement text;
BEGIN
{first}  {last};
END
{quote}"""


_FIRST: Final[tuple[LiteralString, ...]] = ("undefault", "uncast")
"""What has to go before anything else, each in PL/pgSQL, in `sql/`."""


class NewLogin(Hidden, msgspec.Struct, frozen=True, kw_only=True):
    """A login to be made. `not_after` is in seconds since the epoch; a setting is a list of values, mostly of one."""

    name: str
    set_role: str
    verifier: str
    not_after: int
    connection_limit: int
    comment: str
    settings: Mapping[str, tuple[str, ...]]


class Powers(Protocol):
    """`shared` says whether the server can share a set role: whether it knows memberships WITH SET FALSE (16 on)."""

    @property
    def broker(self) -> str:
        """The role that grants. `makers` of it make the other roles: what is the agent's is known by its maker."""

    @property
    def apart(self) -> bool:
        """Whether the agent's login cannot become the broker."""

    def make_set(self, role: str, *, shared: bool) -> sql.Composed:
        """A role without a login, that holds nothing yet."""

    def grant(self, role: str, permissions: Sequence[Permission], *, shared: bool) -> sql.Composed:
        """Of permissions that are canonical and each `is_granted`, in this database."""

    def make_login(self, login: NewLogin, *, shared: bool) -> sql.Composed:
        """A login that is a member of its set role, and cannot become it where the version has that."""

    def renew_password(self, login: str, verifier: str) -> sql.Composed: ...

    def restore(
        self,
        login: str,
        not_after: int,
        settings: Mapping[str, tuple[str, ...]],
        *,
        elsewhere: Sequence[str],
        comment: str = "",
    ) -> sql.Composed:
        """End and settings as they were made; `elsewhere` are databases that have settings for it. A later end brings
        another comment."""

    def fence(self, login: str, set_role: str | None, *, shared: bool) -> sql.Composed:
        """No new session, and none of the set role's privileges for those that are there."""

    def kill(self, login: str, *, shared: bool) -> sql.Composed:
        """Tells every session of the login to end."""

    def become(self, role: str, *, shared: bool) -> sql.Composed:
        """Lets a session of the agent's `SET ROLE` to the role, to undo what only that can."""

    def leave(self, role: str) -> sql.Composed:
        """Takes that back, and what `take` gave."""

    def take(self, roles: Sequence[str], *, shared: bool) -> sql.Composed:
        """Makes the broker a member of the roles, which `keep` and `clear` need: as far as they do not do that
        themselves, which they cannot in a database without the makers' functions."""

    def keep(self, roles: Sequence[str], keeper: str) -> sql.Composed:
        """Hands what the roles own in this database to `keeper`, as plain data that nobody else has a privilege on."""

    def clear(self, roles: Sequence[str], *, plain: bool = False) -> sql.Composed:
        """Drops what the roles own, with casts of their types, and revokes what they hold, here and cluster-wide.
        `plain`: there are no casts but PostgreSQL's own, and the roles are members of nothing."""

    def drop(self, roles: Sequence[str]) -> sql.Composed:
        """The roles themselves, which hold nothing any more."""


class BrokerPowers:
    """By the agent as the broker, a role that may make others."""

    def __init__(self, broker: str = DEFAULT_BROKER) -> None:
        self.broker: Final = broker
        self.apart: Final = False

    def make_set(self, role: str, *, shared: bool) -> sql.Composed:
        create = sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))
        return self._made(role, create, *_marked(role, shared=shared))

    def grant(self, role: str, permissions: Sequence[Permission], *, shared: bool) -> sql.Composed:
        return grants(role, permissions, shared=shared)

    def make_login(self, login: NewLogin, *, shared: bool) -> sql.Composed:
        name = sql.Identifier(login.name)
        made = self._made(
            login.name,
            sql.SQL("CREATE ROLE {} LOGIN INHERIT CONNECTION LIMIT {} VALID UNTIL {} PASSWORD {}").format(
                name, sql.Literal(login.connection_limit), until(login.not_after), sql.Literal(login.verifier)
            ),
            sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(login.comment)),
            *_settings(login.name, login.settings),
            *_marked(login.name, shared=shared),
        )
        return made + sql.SQL("; ") + self._made(login.set_role, membership(login.set_role, name, shared=shared))

    def renew_password(self, login: str, verifier: str) -> sql.Composed:
        return self._made(
            login, sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(login), sql.Literal(verifier))
        )

    def restore(
        self,
        login: str,
        not_after: int,
        settings: Mapping[str, tuple[str, ...]],
        *,
        elsewhere: Sequence[str],
        comment: str = "",
    ) -> sql.Composed:
        name = sql.Identifier(login)
        return self._made(
            login,
            sql.SQL("ALTER ROLE {} VALID UNTIL {}").format(name, until(not_after)),
            *([sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(comment))] if comment else []),
            *(
                sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(name, sql.Identifier(database))
                for database in elsewhere
            ),
            sql.SQL("ALTER ROLE {} RESET ALL").format(name),
            *_settings(login, settings),
        )

    def fence(self, login: str, set_role: str | None, *, shared: bool) -> sql.Composed:
        name = sql.Identifier(login)
        fence = self._made(login, sql.SQL("ALTER ROLE {} NOLOGIN").format(name))
        if set_role is not None:
            fence += sql.SQL("; ") + self._made(set_role, without(set_role, name, shared=shared))
        return fence

    def kill(self, login: str, *, shared: bool) -> sql.Composed:
        terminate = sql.SQL(
            "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a"
            " JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid WHERE r.rolname = {}"
        ).format(sql.Literal(login))
        # Before 15 a login may grant itself, and hold up others who do: but its maker has been a member all along.
        inherit = [membership(login, sql.SQL("CURRENT_USER"), shared=True)] if shared else []
        return self._made(login, *inherit, terminate)

    def become(self, role: str, *, shared: bool) -> sql.Composed:
        options: LiteralString = " WITH SET TRUE" if shared else ""
        grant = sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), sql.Identifier(self.broker))
        return self._made(role, grant)

    def leave(self, role: str) -> sql.Composed:
        return self._made(role, sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), sql.Identifier(self.broker)))

    def take(self, roles: Sequence[str], *, shared: bool) -> sql.Composed:
        broker = sql.Identifier(self.broker)
        return sql.SQL("; ").join([self._made(role, membership(role, broker, shared=shared)) for role in roles])

    def keep(self, roles: Sequence[str], keeper: str) -> sql.Composed:
        return sql.SQL(_KEEP).format(
            roles=sql.Literal(list(roles)), keeper=sql.Literal(keeper), body=keep_body(), quote=sql.SQL("$p0$")
        )

    def clear(self, roles: Sequence[str], *, plain: bool = False) -> sql.Composed:
        return _drop_owned(roles) if plain else clear_block(roles)

    def drop(self, roles: Sequence[str]) -> sql.Composed:
        return sql.SQL("; ").join(
            [self._made(role, sql.SQL("DROP ROLE {}").format(sql.Identifier(role))) for role in roles]
        )

    def _made(self, role: str, *statements: sql.Composed) -> sql.Composed:
        """What only the maker of `role` can do to it."""
        text = sql.SQL("; ").join(statements).as_string(None)
        return sql.SQL("SELECT p0_makers.{}({})").format(sql.Identifier(maker_of(self.broker, role)), sql.Literal(text))


def _marked(role: str, *, shared: bool) -> tuple[sql.Composed, ...]:
    """Before PostgreSQL 16, who makes a role is not its member by that."""
    return () if shared else (sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)),)


def _settings(login: str, settings: Mapping[str, tuple[str, ...]]) -> list[sql.Composed]:
    return [
        sql.SQL("ALTER ROLE {} SET {} = {}").format(
            sql.Identifier(login), sql.Identifier(name), sql.SQL(", ").join(map(sql.Literal, values))
        )
        for name, values in settings.items()
    ]


def clear_block(roles: Sequence[str]) -> sql.Composed:
    """Drops what `roles` own, with the casts of their types, and revokes what they hold; whoever executes it is one of
    them, or a member of all."""
    return sql.SQL(_CLEAR).format(
        roles=sql.Literal(list(roles)),
        first=first_body(),
        last=_drop_owned(roles),
        quote=sql.SQL("$p0$"),
    )


def _drop_owned(roles: Sequence[str]) -> sql.Composed:
    return sql.SQL("DROP OWNED BY {}").format(sql.SQL(", ").join(map(sql.Identifier, roles)))


def keep_body() -> sql.Composed:
    """What `Powers.keep` does, in PL/pgSQL: it goes by the variables that `_KEEP` declares."""
    return first_body() + sql.SQL(query("keep").decode()).format(
        refused=sql.Literal(GUARD_REFUSED),
        login_pattern=sql.Literal(LOGIN_PATTERN),
        set_pattern=sql.Literal(SET_PATTERN),
    )


def first_body() -> sql.Composed:
    """What has to go before anything is dropped or handed on, by the variables that `_CLEAR` declares."""
    return sql.Composed([sql.SQL(query(name).decode()) for name in _FIRST])


def until(not_after: int) -> sql.Literal:
    """For VALID UNTIL."""
    return sql.Literal(datetime.fromtimestamp(not_after, UTC).isoformat())
