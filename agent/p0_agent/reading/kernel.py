"""The kernel's reading over the agent's own catalog, in a child process that may die."""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import UNSET

from p0_access.messages.records import What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission, canonical, connect, usage
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, Refused, StatementReading
from p0_agent.errors import AgentError
from p0_agent.reading.child import ReadingChild
from p0_agent.reading.reader import RequestReading

REACH_UNKNOWN: Final = "reach_unknown"
"""The warning by which the kernel says that owner-run code does something that it does not know."""


class CatalogSource(Protocol):
    async def current(self, database: str) -> Catalog:
        """The catalog as it is now."""
        ...


class KernelReader:
    """A `Reader`. Statements are read by the kernel; permissions by name are taken as they are."""

    def __init__(self, catalogs: CatalogSource, child: ReadingChild) -> None:
        self._catalogs = catalogs
        self._child = child

    async def read(self, database: str, what: What) -> RequestReading:
        catalog = await self._catalogs.current(database)
        if what.statement is not UNSET:
            path = DEFAULT_SEARCH_PATH if what.search_path is UNSET else what.search_path
            return await self._statements(what.statement, catalog, path)
        if what.grant is not UNSET:
            return _named(what.grant, catalog)
        raise AgentError(
            "this agent grants no pre-existing roles",
            code="role_unsupported",
            hint="Ask with SQL, or with --grant for permissions by name.",
        )

    async def _statements(self, texts: tuple[str, ...], catalog: Catalog, path: tuple[str, ...]) -> RequestReading:
        understood: list[StatementReading] = []
        for statement in await self._child.read(texts, catalog, path):
            if isinstance(statement, Refused):
                raise statement.error()
            understood.append(statement)
        if not understood:
            raise AgentError("there is no statement in this", code="empty_sql")
        warnings = tuple(dict.fromkeys(warning for statement in understood for warning in statement.warnings))
        return RequestReading(
            needed=canonical(permission for statement in understood for permission in statement.permissions),
            reached=canonical(permission for statement in understood for permission in statement.reached),
            reach_unknown=any(warning.code == REACH_UNKNOWN for warning in warnings),
            objects=(),
            warnings=warnings,
            catalog=catalog,
        )


def _named(grant: tuple[Permission, ...], catalog: Catalog) -> RequestReading:
    """Permissions by name, with what they imply. That they exist shows when they are granted."""
    schemas = {permission.schema for permission in grant if permission.schema is not None}
    return RequestReading(
        needed=canonical((*grant, *map(usage, schemas), connect(catalog.database))),
        reached=(),
        reach_unknown=False,
        objects=(),
        warnings=(),
        catalog=catalog,
    )
