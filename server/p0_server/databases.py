"""The databases that can be asked for, how their agents are, and what is in them, each for who may know of it.

What somebody may not know of is answered as what is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from p0_access.messages.views import DatabaseView
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.suggest import did_you_mean
from p0_access.proof.identity import VerifiedIdentity
from p0_access.routing.current import CurrentRules
from p0_access.routing.visibility import Sight
from p0_server.config import AgentSettings, Settings
from p0_server.errors import NotFoundError, UnavailableError
from p0_server.store.protocol import Store
from p0_server.store.records import StoredAgent, StoredCatalog

ONLINE_SECONDS: Final = 30
"""An agent that has not been heard of for longer counts as away; one that waits for jobs calls more often."""


class Databases:
    """`rules` are the server's own; `clock` gives seconds since the epoch."""

    def __init__(self, settings: Settings, store: Store, rules: CurrentRules, clock: Callable[[], float]) -> None:
        self._agent_of = settings.agent_of
        self._store = store
        self._rules = rules
        self._clock = clock

    @property
    def rules_sha256(self) -> str:
        return self._rules.rules.sha256

    async def listed(self, person: VerifiedIdentity) -> tuple[DatabaseView, ...]:
        """Every configured database that the person may know of, by name."""
        heard = {agent.thumbprint: agent for agent in await self._store.agents()}
        versions = {(each.database, each.agent): each.version for each in await self._store.catalog_versions()}
        sight = self._sight(person)
        found: list[DatabaseView] = []
        for name, agent in sorted(self._agent_of.items()):
            sees = sight.of(name)
            if sees != "nothing":
                version = versions.get((name, agent.thumbprint)) if sees == "catalog" else None
                found.append(self._view(name, agent, heard.get(agent.thumbprint), version))
        return tuple(found)

    def agent(self, person: VerifiedIdentity, database: str) -> AgentSettings:
        """The agent that serves `database`, or `unknown_database` with the nearest names that the person may know."""
        sight = self._sight(person)
        seen = {name: agent for name, agent in self._agent_of.items() if sight.of(name) != "nothing"}
        if database not in seen:
            hint = did_you_mean(database, seen) or "p0 ls lists the databases"
            raise NotFoundError(f"there is no database {database!r}", code="unknown_database", hint=hint)
        return seen[database]

    async def catalog(self, person: VerifiedIdentity, database: str) -> StoredCatalog:
        """The catalog that the database's agent published last, or `catalog_missing`."""
        agent = self.agent(person, database)
        seen = self._sight(person).of(database) == "catalog"
        catalog = await self._store.catalog(database) if seen else None
        if catalog is None or catalog.agent != agent.thumbprint:
            raise UnavailableError(
                f"there is no catalog of {database} to see",
                code="catalog_missing",
                hint="Its agent publishes it when it starts, for those who could be granted something in it.",
            )
        return catalog

    async def readable(self, person: VerifiedIdentity, database: str) -> StoredCatalog:
        """What SQL is read with: the catalog, or one in which there is nothing, for who may not know what is there."""
        agent = self.agent(person, database)
        if self._sight(person).of(database) == "catalog":
            return await self.catalog(person, database)
        nothing = Catalog(database=database, version="", server_version=0, schemas=(), relations=())
        text = msgspec.json.encode(nothing).decode()
        return StoredCatalog(database=database, agent=agent.thumbprint, version="", at=0, record="", catalog=text)

    def _sight(self, person: VerifiedIdentity) -> Sight:
        return Sight(self._rules.rules, person.requestor)

    def _view(
        self, name: str, agent: AgentSettings, heard: StoredAgent | None, catalog_version: str | None
    ) -> DatabaseView:
        return DatabaseView(
            name=name,
            agent=agent.thumbprint,
            online=heard is not None and self._clock() - heard.seen < ONLINE_SECONDS,
            catalog_version=catalog_version,
            rules_match=heard is not None and heard.rules_sha256 == self.rules_sha256,
            seen=None if heard is None else heard.seen,
        )
