"""Looking at requests: one, or a list, as its viewer may see it, and holding a call until there is more to see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from p0_access.messages.views import Event, RequestSummary, RequestView
from p0_access.proof.identity import VerifiedIdentity
from p0_server import views
from p0_server.config import Settings
from p0_server.errors import NotFoundError
from p0_server.signals import Patience, Signal
from p0_server.store.protocol import Store
from p0_server.store.records import ListKind, StoredRequest, Viewer
from p0_server.visibility import is_mine, viewer

MAX_EVENTS: Final = 1_000
"""Events of one request that are shown."""


class Requests:
    """`signal` says when something was committed; `clock` gives seconds since the epoch."""

    def __init__(self, settings: Settings, store: Store, signal: Signal, clock: Callable[[], float]) -> None:
        self._agents = {agent.thumbprint: agent for agent in settings.agents}
        self._store = store
        self._signal = signal
        self._clock = clock

    async def viewer(self, person: VerifiedIdentity) -> Viewer:
        """The person, with what they may see in place of those whom they stand in for."""
        who = viewer(person)
        more = await self._store.stood_in_for(who.keys, int(self._clock()))
        return msgspec.structs.replace(who, keys=who.keys | more)

    async def visible(self, person: VerifiedIdentity, rid: str) -> tuple[StoredRequest, frozenset[str]]:
        """The request and the keys by which the person reviews it, those of whom they stand in for included: none if
        they may not. Not found for everybody who may not see it."""
        who = viewer(person)
        seen = await self._store.seen(rid, who.keys, int(self._clock()))
        if seen is not None and seen.request.agent in self._agents:
            keys = seen.reviewers & (who.keys | seen.in_place_of)
            if keys or is_mine(who, seen.request) or not seen.reviewers.isdisjoint(who.ends):
                return seen.request, keys
        raise NotFoundError(f"there is no request {rid!r}", code="unknown_request", hint="p0 requests lists yours")

    async def view(
        self, person: VerifiedIdentity, rid: str, *, until: Callable[[StoredRequest], bool], wait: int
    ) -> RequestView:
        """Held for at most `wait` seconds, until the request is as `until` says."""
        patience = Patience(self._signal, wait)
        while True:
            ticket = self._signal.ticket()
            request, keys = await self.visible(person, rid)
            if until(request) or not await patience.wait(ticket):
                break
        return views.view(
            request,
            viewer(person),
            reviewer=bool(keys),
            agent=self._agents[request.agent],
            events=await self._events(rid),
            now=int(self._clock()),
        )

    async def listed(self, person: VerifiedIdentity, kind: ListKind, limit: int) -> tuple[RequestSummary, ...]:
        who = await self.viewer(person)
        found = await self._store.requests(kind, who, limit)
        return tuple(views.summary(request, who, reviewer=reviewer) for request, reviewer in found)

    async def events(self, person: VerifiedIdentity, rid: str) -> tuple[Event, ...]:
        await self.visible(person, rid)
        return await self._events(rid)

    async def _events(self, rid: str) -> tuple[Event, ...]:
        logged = await self._store.events(after=0, limit=MAX_EVENTS, rid=rid)
        return tuple(each.event for each in logged)


def as_it_is(_: StoredRequest) -> bool:
    """For a view that waits for nothing."""
    return True
