"""Step 11: what no rule and no approval can exceed at this agent. What is admitted is held against it, too, so that
nobody is asked to approve what is then not granted."""

from __future__ import annotations

from typing import Final

from p0_access.permissions.permission import Kind, Permission
from p0_agent.config import Ceiling
from p0_agent.errors import RefusedError, Step
from p0_agent.postgres.statements import is_granted, why_not

_IN_NO_SCHEMA: Final = frozenset({Kind.DATABASE, Kind.LARGE_OBJECT})


def check(permissions: tuple[Permission, ...], ceiling: Ceiling, *, schemas: frozenset[str], live: int) -> None:
    """Raises `RefusedError` naming the first permission above the ceiling. `schemas` are the managed ones; `live` is
    how
    many accesses there are already."""
    if len(permissions) > ceiling.max_permissions:
        raise _above(f"{len(permissions)} permissions are more than the agent grants at once", "too_many_permissions")
    if live >= ceiling.max_live:
        raise _above(f"{live} accesses are open already", "too_many_accesses")
    for permission in permissions:
        if permission.kind is Kind.ROLE:
            check_role(permission.object or "", ceiling)
            continue
        if not is_granted(permission):
            raise _never(permission)
        if permission.kind not in ceiling.kinds or permission.privilege not in ceiling.privileges:
            raise _above(f"{permission} is more than this agent ever grants", "above_ceiling")
        schema = permission.object if permission.kind is Kind.SCHEMA else permission.schema
        if permission.kind not in _IN_NO_SCHEMA and schema not in schemas:
            raise _above(f"the agent does not manage the schema {schema}", "schema_not_managed")


def check_reach(reached: tuple[Permission, ...], ceiling: Ceiling, *, schemas: frozenset[str]) -> None:
    """For what comes with a role that is asked for by name: it is no more than could be asked for."""
    try:
        check(reached, ceiling, schemas=schemas, live=0)
    except RefusedError as error:
        raise _above(f"with the role comes too much: {error}", "role_above_ceiling") from error


def check_role(role: str, ceiling: Ceiling) -> None:
    """Only roles that are listed by their names are granted."""
    if role not in ceiling.roles:
        raise _above(f"this agent never grants the role {role}", "role_above_ceiling")


def _never(permission: Permission) -> RefusedError:
    hint = "Ask for a role that may do it (--role), or use a migration."
    message = f"{permission} is never granted: {why_not(permission)}"
    return RefusedError(message, step=Step.CEILING, code="permission_unsupported", hint=hint)


def _above(message: str, code: str) -> RefusedError:
    return RefusedError(message, step=Step.CEILING, code=code, hint="The agent's configuration sets this limit.")
