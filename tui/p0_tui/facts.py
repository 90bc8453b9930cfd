"""What all modes show alike: who is signed in, the databases, the lists of requests, the catalogs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from p0_access.messages.views import DatabaseView, Me, RequestSummary, State
from p0_access.permissions.catalog import Catalog
from p0_tui.backend import Backend


class Facts:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._catalogs: dict[str, Catalog] = {}
        self._known: frozenset[str] | None = None
        self.me: Me | None = None
        self.databases: Sequence[DatabaseView] = ()
        self.mine: Sequence[RequestSummary] = ()
        self.to_review: Sequence[RequestSummary] = ()
        self.everything: Sequence[RequestSummary] = ()
        self.arrived: Sequence[RequestSummary] = ()
        self.moved: Sequence[RequestSummary] = ()
        self._looked_at: set[str] = set()

    async def refresh(self) -> None:
        """Everything but catalogs, from the server."""
        self.me, self.databases, *_ = await asyncio.gather(
            self._backend.me(), self._backend.databases(), self.refresh_to_review(), self.refresh_others()
        )

    async def refresh_to_review(self) -> bool:
        """What waits for me, and whether that is another than it was. `arrived` is then what is new since the last
        time."""
        before = self.to_review
        self.to_review = await self._backend.requests("to-review")
        waiting = {item.rid: item for item in self.to_review}
        self.arrived = () if self._known is None else [waiting[rid] for rid in waiting if rid not in self._known]
        self._known = frozenset(waiting)
        return self.to_review != before

    async def refresh_others(self) -> None:
        """My requests, and all that I may see. `moved` are then those of mine that are in another state than they
        were."""
        before = {item.rid: item.state for item in self.mine}
        self.mine, self.everything = await asyncio.gather(self._backend.requests("mine"), self._backend.requests("all"))
        self.moved = [item for item in self.mine if before.get(item.rid, item.state) is not item.state]

    def look_at(self, rid: str) -> None:
        """`rid` was read."""
        self._looked_at.add(rid)

    @property
    def unread(self) -> frozenset[str]:
        """The ids of those to review that were not read yet."""
        return frozenset(item.rid for item in self.to_review) - self._looked_at

    async def catalog(self, database: str) -> Catalog:
        """From memory while its version is the one that the server names."""
        view = self.database(database)
        known = self._catalogs.get(database)
        if known is None or view is None or view.catalog_version != known.version:
            known = await self._backend.catalog(database)
            self._catalogs[database] = known
        return known

    def database(self, name: str) -> DatabaseView | None:
        return next((item for item in self.databases if item.name == name), None)

    def summary(self, rid: str) -> RequestSummary | None:
        """One of my requests."""
        return next((item for item in self.mine if item.rid == rid), None)

    @property
    def active(self) -> Sequence[RequestSummary]:
        """My open accesses."""
        return [item for item in self.mine if item.state is State.ACTIVE]
