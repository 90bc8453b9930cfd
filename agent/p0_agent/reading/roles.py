"""What a role that exists already gives to whoever becomes its member: all of it, or a refusal that says why not.

A role is refused that is more than privileges on objects of this database: that has an attribute, owns something, may
hand something on, or is a member of such a one. Whether what it has is allowed is not decided here.
"""

from __future__ import annotations

from typing import Final

import msgspec
from psycopg.rows import class_row

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Kind, Permission, canonical, connect
from p0_agent.errors import AgentError
from p0_agent.postgres.connections import Connection, Connections
from p0_agent.postgres.grants import Held, held
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN, makers
from p0_agent.postgres.queries import query
from p0_agent.postgres.roles import has_set_option
from p0_agent.reading.reader import RequestReading

MAX_REACH: Final = 100
"""Roles whose privileges one role may have; no sensible one comes near."""


class _Role(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    asked: bool
    superuser: bool
    createrole: bool
    createdb: bool
    replication: bool
    bypassrls: bool
    login: bool
    predefined: bool
    owner: bool
    ours: bool
    grantable: bool

    def too_much(self) -> str | None:
        """What of it is more than privileges on objects."""
        powers = {
            "is a superuser": self.superuser,
            "may make roles": self.createrole,
            "may create databases": self.createdb,
            "may replicate": self.replication,
            "bypasses row security": self.bypassrls,
            "may log in, and before PostgreSQL 16 could be given another password by who has it": self.login,
            "is one of PostgreSQL's predefined roles": self.predefined,
            "owns objects": self.owner,
            "is the agent's own": self.ours,
        }
        return next((power for power, has in powers.items() if has), None)


async def read_role(connections: Connections, catalog: Catalog, role: str) -> RequestReading:
    """`needed` is the membership itself, `reached` what comes with it. Raises `AgentError`."""
    async with connections.reader(catalog.database) as connection:
        roles = await _reach(connections, connection, role)
        _check(role, roles)
        if not has_set_option(connection):
            await _check_nothing_is_left(role, connection)
        reached: list[Permission] = []
        for each in roles:
            for item in await held(connection, each.name, gifts=False):
                reached += _privilege(role, each, item, catalog.database)
    return RequestReading(
        needed=canonical((connect(catalog.database), membership(role))),
        reached=canonical(reached),
        reach_unknown=False,
        objects=(),
        warnings=(),
        catalog=catalog,
    )


def membership(role: str) -> Permission:
    return Permission(Kind.ROLE, None, role, None, "MEMBER")


async def _reach(connections: Connections, connection: Connection, role: str) -> list[_Role]:
    async with connection.cursor(row_factory=class_row(_Role)) as cursor:
        await cursor.execute(
            query("role", __package__),
            {
                "role": role,
                "broker": connections.powers.broker,
                "makers": list(makers(connections.powers.broker)),
                "agent": connections.agent_name,
                "reader": connections.reader_name,
                "login_pattern": LOGIN_PATTERN,
                "set_pattern": SET_PATTERN,
            },
        )
        return await cursor.fetchall()


def _check(role: str, roles: list[_Role]) -> None:
    if not roles:
        raise AgentError(f"there is no role {role}", code="role_unknown")
    for each in roles:
        power = each.too_much()
        if power is not None:
            raise _too_strong(role, each, power)
    if len(roles) > MAX_REACH:
        raise AgentError(f"{role} is a member of more roles than are looked at", code="role_too_strong")
    if not roles[0].grantable:
        raise AgentError(
            f"the agent cannot grant the role {role}",
            code="role_not_grantable",
            hint="Whoever administers the role can let it: the broker needs ADMIN OPTION on it.",
        )


async def _check_nothing_is_left(role: str, connection: Connection) -> None:
    """Before PostgreSQL 16 a member can be the role, and the role's would be what it makes."""
    places = [str(place) for (place,) in await (await connection.execute(query("creatable"), {})).fetchall()]
    if places:
        raise AgentError(
            f"{role} could be left the owner of something: everybody may make objects in {places[0]}, and before"
            " PostgreSQL 16 who has a role can make them as the role",
            code="role_too_strong",
            hint=" ".join(f"REVOKE CREATE ON {place} FROM PUBLIC;" for place in places),
        )


def _privilege(role: str, owner: _Role, item: Held, database: str) -> list[Permission]:
    """A privilege that comes with the role; none for a membership, which has been followed."""
    if item.privilege == "MEMBER" and not item.grantable:
        return []
    permission = item.permission()
    if permission is None or (permission.kind is Kind.DATABASE and permission.object != database):
        raise _too_strong(role, owner, f"has {item}, which is not to be had by a request")
    return [permission]


def _too_strong(role: str, owner: _Role, power: str) -> AgentError:
    who = role if owner.asked else f"{role} is a member of {owner.name}, which"
    return AgentError(
        f"{who} {power}", code="role_too_strong", hint="Ask with SQL, or with --grant for permissions by name."
    )
