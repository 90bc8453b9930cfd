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

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from psycopg import errors as sqlstate
from psycopg import sql

from p0_access.encoding import encode
from p0_access.permissions.permission import Permission
from p0_access.secret import Secret
from p0_agent.postgres import scram
from p0_agent.postgres.connections import Connection, Connections, writing
from p0_agent.postgres.errors import DatabaseBusyError, GrantError
from p0_agent.postgres.grants import check_grantable, execute_grants, held, lacking
from p0_agent.postgres.ledger import note_roles, record_provisioned
from p0_agent.postgres.names import is_login_name, set_role_name
from p0_agent.postgres.powers import NewLogin
from p0_agent.postgres.roles import drop_owned, exists, has_set_option
from p0_agent.postgres.statements import is_granted


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to open. Times are seconds; `not_after` since the epoch. `search_path` is what gave the SQL its meaning."""

    rh: str
    rid: str
    database: str
    login: str
    permissions: tuple[Permission, ...]
    not_after: int
    read_only: bool
    search_path: tuple[str, ...] = ("public",)
    connection_limit: int = 5
    statement_timeout: int = 900
    idle_in_transaction_timeout: int = 300
    idle_session_timeout: int = 3600


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An access that is there now. `not_after` is what the ledger fixed, which may be earlier than ordered; `attempt`
    goes with this password (`Ledger.seal`)."""

    login: str
    password: Secret
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
    wanted = check_grantable(order.database, order.permissions)
    password = scram.new_password(random)
    verifier = scram.verifier(password, random(scram.SALT_BYTES), iterations)
    async with connections.writer(order.database) as target:
        lease = None if has_set_option(target) else order.rh
        set_role = set_role_name(order.database, wanted, lease=lease)
        async with writing(target):
            await _ensure_set(connections, target, set_role, wanted)
            if order.database == connections.home:
                return await _open_login(connections, target, order, set_role, verifier, password, now)
        async with connections.writer(connections.home) as home, writing(home):
            return await _open_login(connections, home, order, set_role, verifier, password, now)


async def _ensure_set(
    connections: Connections, connection: Connection, set_role: str, wanted: Sequence[Permission]
) -> None:
    """The set role exists and holds exactly what is wanted: made if it is new, put right if it is not what it was."""
    granted = [permission for permission in wanted if is_granted(permission)]
    if not await exists(connection, set_role):
        await connection.execute(connections.powers.make_set(set_role, shared=has_set_option(connection)))
        await execute_grants(connection, connections.powers.grant(set_role, granted))
        await _require_exact(connection, set_role, granted)
    elif await difference(connection, set_role, granted):
        # Grants follow columns through renames, vanish with dropped objects, and can be added to by others.
        await put_right(connections, connection, set_role, granted)
    missing = await lacking(connection, set_role, wanted)
    if missing:
        raise GrantError(f"not in effect: {missing[0]}", code="agent_lacks_privilege")


async def put_right(
    connections: Connections, connection: Connection, set_role: str, granted: Sequence[Permission]
) -> None:
    """Makes an existing set role hold exactly `granted`, in the caller's transaction; `GrantError` if it cannot be."""
    await drop_owned(connections, connection, [set_role])
    await execute_grants(connection, connections.powers.grant(set_role, granted))
    await _require_exact(connection, set_role, granted)


async def _require_exact(connection: Connection, set_role: str, granted: Sequence[Permission]) -> None:
    changed = await difference(connection, set_role, granted)
    if changed:
        raise GrantError(f"the grants are not what was asked for: {changed}", code="grants_differ")


async def _open_login(
    connections: Connections,
    connection: Connection,
    order: Order,
    set_role: str,
    verifier: str,
    password: Secret,
    now: int,
) -> Opened:
    granted = [
        permission for permission in check_grantable(order.database, order.permissions) if is_granted(permission)
    ]
    entry = await record_provisioned(
        connection,
        rh=order.rh,
        login=order.login,
        set_role=set_role,
        granted=encode(granted).decode(),
        not_after=order.not_after,
        now=now,
    )
    if entry.login != order.login or entry.set_role != set_role or entry.not_after is None:
        raise GrantError("the request was provisioned before with other permissions", code="provisioned_differently")
    if await exists(connection, order.login):
        act = connections.powers.renew_password(order.login, verifier)
    else:
        login = _login(order, set_role, verifier, entry.not_after)
        act = connections.powers.make_login(login, shared=has_set_option(connection))
    try:
        await connection.execute(sql.SQL("; ").join([act, note_roles(order.rh)]))
    except sqlstate.UndefinedObject as error:
        raise DatabaseBusyError("another agent dropped the set role meanwhile", code="set_role_gone") from error
    await _check_login(connection, order.login, set_role)
    return Opened(
        login=order.login, password=password, set_role=set_role, not_after=entry.not_after, attempt=entry.attempt
    )


def _login(order: Order, set_role: str, verifier: str, not_after: int) -> NewLogin:
    return NewLogin(
        name=order.login,
        set_role=set_role,
        verifier=verifier,
        not_after=not_after,
        connection_limit=order.connection_limit,
        comment=f"p0 request {order.rid}, until {datetime.fromtimestamp(not_after, UTC).isoformat()}",
        settings=_settings(order),
    )


def _settings(order: Order) -> dict[str, tuple[str, ...]]:
    """Advisory: whoever has the login can change them in a session. They guard against mistakes, not against malice."""
    return {
        "statement_timeout": (f"{order.statement_timeout}s",),
        "idle_in_transaction_session_timeout": (f"{order.idle_in_transaction_timeout}s",),
        "idle_session_timeout": (f"{order.idle_session_timeout}s",),
        "default_transaction_read_only": ("on" if order.read_only else "off",),
        "search_path": (*(schema for schema in order.search_path if schema != "pg_temp"), "pg_temp"),
    }


async def _check_login(connection: Connection, login: str, set_role: str) -> None:
    """The login is a member of its set role and has nothing else."""
    found = sorted(str(item) for item in await held(connection, login))
    if found != [f"MEMBER on other role {set_role}"]:
        raise GrantError(f"the login holds more or less than it should: {', '.join(found)}", code="grants_differ")


async def difference(connection: Connection, role: str, wanted: Sequence[Permission]) -> str:
    """In words, what `role` holds beyond or short of `wanted`; empty when it is exact."""
    present = await held(connection, role)
    extra = sorted(str(item) for item in present if item.permission() not in set(wanted))
    missing = sorted(str(item) for item in set(wanted) - {item.permission() for item in present})
    return "; ".join([*(f"extra: {item}" for item in extra), *(f"missing: {item}" for item in missing)])
