"""The kernel's reading over the agent's own catalog, in a child process that may die."""

from __future__ import annotations

from typing import Protocol

from msgspec import UNSET

from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.facts import facts
from p0_access.permissions.permission import Permission, canonical, connect, usage
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, Need, Refused, StatementReading
from p0_access.permissions.settle import comment_tags, settle
from p0_agent.errors import AgentError
from p0_agent.reading.child import ReadingChild
from p0_agent.reading.reader import RequestReading, Tagged

REACH_UNKNOWN = "reach_unknown"
"""The warning by which the kernel says that owner-run code does something that it does not know."""


class CatalogSource(Protocol):
    async def current(self, database: str) -> Catalog:
        """The catalog as it is now."""
        ...


class KernelReader:
    """A `Reader`. Statements are read by the kernel; named permissions are taken as they are and checked to exist."""

    def __init__(self, catalogs: CatalogSource, child: ReadingChild) -> None:
        self._catalogs = catalogs
        self._child = child

    async def read(self, database: str, what: What, *, tagged: Tagged) -> RequestReading:
        catalog = await self._catalogs.current(database)
        if what.statement is not UNSET:
            path = DEFAULT_SEARCH_PATH if what.search_path is UNSET else what.search_path
            return _reading(await self._statements(what.statement, catalog, path), catalog, tagged)
        if what.grant is not UNSET:
            return _reading([_named(what.grant, catalog)], catalog, tagged)
        raise AgentError(
            "this agent grants no pre-existing roles",
            code="role_unsupported",
            hint="Ask with SQL, or with --grant for permissions by name.",
        )

    async def _statements(
        self, texts: tuple[str, ...], catalog: Catalog, path: tuple[str, ...]
    ) -> list[StatementReading]:
        understood: list[StatementReading] = []
        for statement in await self._child.read(texts, catalog, path):
            if isinstance(statement, Refused):
                raise statement.error()
            understood.append(statement)
        if not understood:
            raise AgentError("there is no statement in this", code="empty_sql")
        return understood


def _reading(statements: list[StatementReading], catalog: Catalog, tagged: Tagged) -> RequestReading:
    needed = canonical(permission for statement in statements for permission in statement.permissions)
    tags = comment_tags(catalog, needed)
    permissions = settle(needed, catalog, tagged=lambda *place: place in tags or tagged(*place))
    reached = canonical(permission for statement in statements for permission in statement.reached)
    warnings = tuple(dict.fromkeys(warning for statement in statements for warning in statement.warnings))
    return RequestReading(
        permissions=permissions,
        reached=reached,
        reach_unknown=any(warning.code == REACH_UNKNOWN for warning in warnings),
        objects=(),
        warnings=warnings,
        facts=facts(catalog, (*permissions, *reached)),
    )


def _named(grant: tuple[Permission, ...], catalog: Catalog) -> StatementReading:
    """Permissions by name, with what they imply."""
    for permission in grant:
        if permission.schema is not None and permission.schema not in catalog.schemas:
            raise AgentError(f"there is no schema {permission.schema}", code="unknown_schema")
    implied = [usage(schema) for schema in {permission.schema for permission in grant} if schema is not None]
    everything = canonical((*grant, *implied, connect(catalog.database)))
    return StatementReading(
        index=0,
        text="",
        command="GRANT",
        writes=any(permission.privilege not in {"SELECT", "USAGE", "CONNECT"} for permission in everything),
        needs=tuple(Need(permission=permission, why=()) for permission in everything),
    )
