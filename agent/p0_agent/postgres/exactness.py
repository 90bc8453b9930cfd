"""Whether a role holds exactly what it should, and making an existing set role hold it.

What accesses' logins grant on what they own is left out: it is theirs to give, and no reason to refuse others anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from p0_access.permissions.permission import Permission
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.errors import GrantError
from p0_agent.postgres.grants import Held, granting, held
from p0_agent.postgres.messages import send
from p0_agent.postgres.owned import drop_owned
from p0_agent.postgres.roles import has_set_option


async def put_right(
    connections: Connections, connection: Connection, set_role: str, granted: Sequence[Permission]
) -> None:
    """Makes an existing set role hold exactly `granted`, in the caller's transaction; `GrantError` if it cannot be."""
    await drop_owned(connections, connection, [set_role])
    async with granting(connection, apart=connections.powers.apart):
        await send(connection, connections.powers.grant(set_role, granted, shared=has_set_option(connection)))
    await connection.execute(connections.powers.leave(set_role))
    changed = await changes(connection, set_role, granted)
    if changed:
        raise differ(changed)


async def changes(connection: Connection, role: str, wanted: Sequence[Permission]) -> str:
    """As `difference`, by what is there now, beside what other logins gave."""
    changed = difference(await held(connection, role), role, wanted)
    return changed and difference(await held(connection, role, gifts=False), role, wanted)


def difference(present: Sequence[Held], role: str, wanted: Sequence[Permission]) -> str:
    """In words, what `role` holds beyond or short of `wanted`; empty when it is exact."""
    of_role = [item for item in present if item.role == role]
    extra = sorted(str(item) for item in of_role if item.permission() not in set(wanted))
    missing = sorted(str(item) for item in set(wanted) - {item.permission() for item in of_role})
    return "; ".join([*(f"extra: {item}" for item in extra), *(f"missing: {item}" for item in missing)])


def differ(changed: str) -> GrantError:
    """The error for `difference`s that stay."""
    return GrantError(f"the grants are not what was asked for: {changed}", code="grants_differ")
