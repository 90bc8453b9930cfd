"""Opening an access: a login that holds exactly the permissions, for as long as was decided, and nothing else.

    set role   NOLOGIN, holds the permissions; from PostgreSQL 16 on shared by all accesses with the same ones, before
               that (where a member could hand it on) of one access alone
    login      holds nothing itself; a member of the set role that inherits from it and cannot become it

The order is safe against a crash at any point: (A) in the target database the set role is made, granted, read back and
committed; without members it gives nobody anything, and the sweep removes it. (B) In the home database one transaction
makes the login, its membership and the ledger's step to `provisioned`: there is never one without the other. Roles are
cluster-wide, so it does not matter that A and B are in two databases. Both happen while this task has the target's
writer, so that no end removes the set role in between; if another agent's does, B fails and the job comes again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from psycopg import errors as sqlstate
from psycopg import sql

from p0_access.encoding import encode
from p0_access.permissions.permission import Permission
from p0_access.routing.decision import Session
from p0_access.secret import Secret
from p0_agent.postgres import scram
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.entries import Entry, locked, provisioned, read_entry, require, stepped
from p0_agent.postgres.errors import DatabaseBusyError, GrantError
from p0_agent.postgres.exactness import changes, differ, difference, put_right
from p0_agent.postgres.grants import (
    HERE,
    Held,
    check_grantable,
    granting,
    had_by_everybody,
    held,
    held_by,
    is_rare,
    read_held,
    require_room,
)
from p0_agent.postgres.messages import COMMIT, Rows, send, writing
from p0_agent.postgres.names import is_login_name, maker_of, set_role_name
from p0_agent.postgres.powers import NewLogin
from p0_agent.postgres.roles import has_set_option, named
from p0_agent.postgres.settings import PARAMETERS_FROM, may_set, session_settings, wants_privileged

MAX_COMMENT: Final = 1_000
_UNTIL: Final = re.compile(r"^(p0 request [^,]*, until )[0-9T:+-]+")
_STAMP: Final = re.compile(r" \[[0-9]+\]$")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to open. Times are seconds; `not_after` since the epoch. `search_path` is what gave the SQL its meaning;
    `person` and `about` tell a reader of the catalogs who has it, why, and by whose approval."""

    rh: str
    rid: str
    database: str
    login: str
    permissions: tuple[Permission, ...]
    not_after: int
    read_only: bool
    search_path: tuple[str, ...] = ("public",)
    connection_limit: int = 5
    session: Session = Session()
    person: str = ""
    about: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An access that is there now. `not_after` is what the ledger fixed, which may be earlier than ordered; `attempt`
    goes with this password (`Ledger.seal`)."""

    login: str
    password: Secret
    verifier: Secret
    set_role: str
    not_after: int
    attempt: int


async def open_access(
    connections: Connections,
    order: Order,
    *,
    now: int,
    random: Callable[[int], bytes],
    iterations: int = scram.DEFAULT_ITERATIONS,
) -> Opened:
    """Opens the access of an approved request, or again of one whose credential was never sealed: then login and end
    stay as they were, and the password is new.

    Raises `GrantError` when it cannot be granted exactly, `LedgerError` when the ledger does not allow the step; then
    nothing of it is left.
    """
    if not is_login_name(order.login):
        raise ValueError(f"not a login of ours: {order.login!r}")
    secret = scram.new_password(random)
    verifier = scram.verifier(secret, random(scram.SALT_BYTES), iterations)
    wanted = check_grantable(order.database, order.permissions)
    async with connections.writer(order.database) as target:
        public = await had_by_everybody(target, wanted)
        opening = _Opening(
            connections,
            order,
            granted=[permission for permission in wanted if permission not in public],
            now=now,
            shared=has_set_option(target),
            privileged=wants_privileged(order.session) and target.info.server_version >= PARAMETERS_FROM,
            password=secret,
            verifier=verifier,
        )
        if order.database == connections.home:
            async with writing(target, opening.look(), locked(order.rh)) as (found, row):
                return await opening.finish(target, found, row, with_set=True)
        async with writing(target, opening.look()) as (found,):
            await opening.make_set(target, found)
        async with (
            connections.writer(connections.home) as home,
            writing(home, opening.look(), locked(order.rh)) as (found, row),
        ):
            return await opening.finish(home, found, row, with_set=False)


class _Opening:
    """What one opening does within its transactions. `shared`: the set role is everybody's with these permissions;
    `privileged`: some of the settings take a privilege, and PostgreSQL knows it."""

    def __init__(
        self,
        connections: Connections,
        order: Order,
        *,
        granted: Sequence[Permission],
        now: int,
        shared: bool,
        privileged: bool,
        password: Secret,
        verifier: str,
    ) -> None:
        self._connections = connections
        self._powers = connections.powers
        self._order = order
        self._now = now
        self._shared = shared
        self._privileged = privileged
        self._password = password
        self._verifier = verifier
        self._granted = granted
        self._set_role = set_role_name(order.database, granted, lease=None if shared else order.rh)

    def look(self) -> sql.Composed:
        """The query for what is there: the set role, the login, the OID of the database, and whether the agent may make
        the settings that take a privilege."""
        return sql.SQL("SELECT {} IS NOT NULL, {} IS NOT NULL, {}::bigint, {}").format(
            named(self._set_role),
            named(self._order.login),
            HERE,
            may_set(maker_of(self._powers.broker, self._order.login)) if self._privileged else sql.SQL("false"),
        )

    async def make_set(self, connection: Connection, found: Rows) -> None:
        ((set_exists, _, here, _),) = found
        async with granting(connection, apart=self._powers.apart):
            results = await send(connection, *self._set(exists=set_exists), self._held(here, self._set_role))
        await self._require_set(connection, read_held(results[-1]), set_exists=set_exists)

    async def finish(self, connection: Connection, found: Rows, row: Rows, *, with_set: bool) -> Opened:
        """The login, and the set role too if it is of this database: one message, and what it says is checked."""
        ((set_exists, login_exists, here, privileged),) = found
        entry = self._resumable(require(read_entry(row), ("approved", "provisioned")))
        not_after = entry.not_after or self._order.not_after
        try:
            async with granting(connection, apart=self._powers.apart, objects=with_set):
                results = await send(
                    connection,
                    *(self._set(exists=set_exists) if with_set else ()),
                    self._login(not_after, exists=login_exists, privileged=privileged),
                    provisioned(
                        entry,
                        login=self._order.login,
                        set_role=self._set_role,
                        verifier=self._verifier,
                        granted=encode(self._granted).decode(),
                        not_after=not_after,
                        now=self._now,
                    ),
                    self._held(here, self._order.login, *([self._set_role] if with_set else [])),
                )
        except sqlstate.UndefinedObject as error:
            raise DatabaseBusyError("another agent dropped the set role meanwhile", code="set_role_gone") from error
        present = read_held(results[-1])
        if with_set:
            await self._require_set(connection, present, set_exists=set_exists)
        await self._require_login(connection, present)
        attempt = stepped(results[-2]).attempt
        await connection.execute(COMMIT)
        return Opened(
            login=self._order.login,
            password=self._password,
            verifier=Secret(self._verifier),
            set_role=self._set_role,
            not_after=not_after,
            attempt=attempt,
        )

    def _held(self, here: object, *roles: str) -> sql.Composed:
        """The query for what the roles hold in the database with the OID `here`."""
        return held_by(*roles, here=sql.Literal(here), rarely=any(map(is_rare, self._granted)))

    def _resumable(self, entry: Entry) -> Entry:
        if entry.stage == "provisioned" and (entry.login, entry.set_role) != (self._order.login, self._set_role):
            raise GrantError(
                "the request was provisioned before with other permissions", code="provisioned_differently"
            )
        return entry

    def _set(self, *, exists: bool) -> tuple[sql.Composed, ...]:
        if exists:
            return ()
        return (
            self._powers.make_set(self._set_role, shared=self._shared),
            self._powers.grant(self._set_role, self._granted, shared=self._shared),
        )

    def _login(self, not_after: int, *, exists: bool, privileged: bool) -> sql.Composed:
        if exists:
            return self._powers.renew_password(self._order.login, self._verifier)
        login = _new_login(self._order, self._set_role, self._verifier, not_after, privileged=privileged)
        return self._powers.make_login(login, shared=self._shared)

    async def _require_set(self, connection: Connection, present: Sequence[Held], *, set_exists: bool) -> None:
        """The set role holds exactly what is wanted; one that others use is put right if it does not."""
        changed = difference(present, self._set_role, self._granted)
        if changed and set_exists:
            changed = await changes(connection, self._set_role, self._granted)
            if not changed:
                return
            # Grants follow columns through renames, vanish with dropped objects, and can be added to by others.
            await put_right(self._connections, connection, self._set_role, self._granted)
        elif changed:
            raise differ(changed)
        elif not set_exists:
            require_room(present)

    async def _require_login(self, connection: Connection, present: Sequence[Held]) -> None:
        """The login is a member of its set role and has nothing else, but what other logins may have given it."""
        wanted = [f"MEMBER on role {self._set_role}"]
        found = sorted(str(item) for item in present if item.role == self._order.login)
        if found != wanted:
            found = sorted(map(str, await held(connection, self._order.login, gifts=False)))
        if found != wanted:
            raise GrantError(f"the login holds more or less than it should: {', '.join(found)}", code="grants_differ")


def _new_login(order: Order, set_role: str, verifier: str, not_after: int, *, privileged: bool) -> NewLogin:
    return NewLogin(
        name=order.login,
        set_role=set_role,
        verifier=verifier,
        not_after=not_after,
        connection_limit=order.connection_limit,
        comment=_comment(order, not_after),
        settings=session_settings(
            order.session,
            read_only=order.read_only,
            search_path=order.search_path,
            application_name=f"p0/{order.rid} {order.person}".rstrip(),
            privileged=privileged,
        ),
    )


def comment_until(comment: str, not_after: int, *, stamped: bool) -> str:
    """The comment of a login that lasts longer, or nothing, to leave one that is not the agent's own. `stamped`: the
    functions of the hardened mode put a stamp at its end, and will again."""
    told = _STAMP.sub("", comment) if stamped else comment
    changed, times = _UNTIL.subn(rf"\g<1>{_time(not_after)}", told, count=1)
    return changed if times else ""


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _comment(order: Order, not_after: int) -> str:
    text = f"p0 request {order.rid}, until {_time(not_after)}" + (f"; {order.about}" if order.about else "")
    return "".join(character if character.isprintable() else " " for character in text)[:MAX_COMMENT]
