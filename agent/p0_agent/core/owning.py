"""Step 11, beforehand: in a database where no login may own anything that lasts, who could make something is refused.

Large objects are not looked for: every login may make them, nobody asks for them, and the end drops them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from p0_access.permissions.permission import Permission
from p0_agent.core.context import Context
from p0_agent.errors import RefusedError, Step

CREATE: Final = "CREATE"


async def check(database: str, permissions: Iterable[Permission], context: Context) -> None:
    """Raises `RefusedError` if `permissions`, or what everybody may do, are enough to make an object in `database`."""
    if database not in context.nothing_owned:
        return
    for permission in permissions:
        if permission.privilege == CREATE:
            raise _refused(f"{permission} lets the login own what it makes", hint="Leave it out, or use a migration.")
    places = await context.cluster.creatable(database)
    if places:
        raise _refused(
            f"in {database} everybody may make objects in {places[0]}, and would own them",
            hint="Its owner can mend that: " + " ".join(f"REVOKE CREATE ON {place} FROM PUBLIC;" for place in places),
        )


def _refused(message: str, *, hint: str) -> RefusedError:
    return RefusedError(message, step=Step.CEILING, code="would_own_objects", hint=hint)
