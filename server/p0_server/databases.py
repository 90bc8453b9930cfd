"""The databases that can be asked for, and how their agents are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from p0_access.messages.views import DatabaseView
from p0_access.routing.current import CurrentRules
from p0_server.config import AgentSettings, Settings
from p0_server.store.protocol import Store, StoredAgent

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

    async def listed(self) -> tuple[DatabaseView, ...]:
        """Every configured database, by name."""
        heard = {agent.thumbprint: agent for agent in await self._store.agents()}
        versions = {(each.database, each.agent): each.version for each in await self._store.catalog_versions()}
        return tuple(
            self._view(name, agent, heard.get(agent.thumbprint), versions.get((name, agent.thumbprint)))
            for name, agent in sorted(self._agent_of.items())
        )

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
