"""The backend that people use: the launcher, for one profile. It translates and decides nothing.

The session is opened at the first call, after the first paint, and opened anew once it has turned out to be over, so
that a `p0 login` elsewhere is noticed.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from p0_access.messages.views import DatabaseView, Event, Explained, Me, RequestSummary, RequestView
from p0_access.permissions.catalog import Catalog
from p0_access.routing.durations import spell_duration
from p0_tui.backend import Choice, Draft, RequestsView
from p0_tui.browser import Announce, Browser
from p0_tui.catalog_cache import CatalogCache
from p0_tui.errors import TuiError
from p0_tui.memory import give_back
from p0_tui.narrowing import Narrowed

if TYPE_CHECKING:
    from p0_launcher.access import Access
    from p0_launcher.connection import Connection
    from p0_launcher.emergencies import Afterwards
    from p0_launcher.ending import Ending
    from p0_launcher.intent import Intent
    from p0_launcher.mandates import Allowance, Delegating
    from p0_launcher.profile import Profile
    from p0_launcher.psql.handover import Launch
    from p0_launcher.review import Review

PATIENCE: Final = 24 * 3600.0
"""Seconds to wait for a decision: as long as a request lives."""


class LauncherBackend:
    """`cache` is the directory for catalogs, None to keep none."""

    def __init__(self, profile: Profile, *, cache: Path | None = None) -> None:
        self._profile = profile
        self._cache = CatalogCache(cache)
        self._browser = Browser()
        self._connection: Connection | None = None
        self._held = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._catalogs: dict[str, Catalog] = {}

    async def me(self) -> Me:
        return await (await self._connected()).api.me()

    async def databases(self) -> Sequence[DatabaseView]:
        return await (await self._connected()).api.databases()

    async def catalog(self, database: str) -> Catalog:
        known = self._catalogs.get(database)
        newer = await self._newer_catalog(database, known)
        if newer is not None:
            known = self._catalogs[database] = newer
            give_back()
        if known is None:
            raise TuiError(f"the server has no catalog of {database}", code="catalog_missing")
        return known

    async def _newer_catalog(self, database: str, known: Catalog | None) -> Catalog | None:
        """The server's, or while that is away and none is known the one that was kept. Read beside the loop: there may
        be 100,000 tables."""
        from p0_launcher.catalogs import newest_catalog, verified_catalog
        from p0_launcher.errors import UnavailableError

        connection, pins = await self._connected(), self._profile.agents
        try:
            view = await connection.api.catalog(database, known_version=None if known is None else known.version)
        except UnavailableError:
            kept = await asyncio.to_thread(self._cache.find, database) if known is None else None
            if kept is None and known is None:
                raise
            return (
                None if kept is None else await asyncio.to_thread(verified_catalog, kept, database=database, pins=pins)
            )
        if view is None:
            return None
        newer = await newest_catalog(view, database=database, pins=pins, wallet=connection.wallet)
        # only what holds takes the place of what is there for when the server is away
        await asyncio.to_thread(self._cache.keep, database, view)
        return newer

    async def explain(self, draft: Draft, *, break_glass: bool = False) -> Explained:
        api = (await self._connected()).api
        return await api.explain(
            draft.database, (draft.sql,), ttl=draft.ttl, reason=draft.reason, break_glass=break_glass
        )

    async def reusable(self, draft: Draft) -> Access | None:
        return await (await self._connected()).workflow.reusable(_intent(draft))

    async def submit(self, draft: Draft, *, break_glass: bool = False) -> RequestView:
        workflow = (await self._connected()).workflow
        return await self._browser.during(workflow.submit(_intent(draft, break_glass=break_glass)))

    async def requests(self, view: RequestsView) -> Sequence[RequestSummary]:
        return await (await self._connected()).api.requests(view)

    async def request(self, rid: str) -> RequestView:
        return await (await self._connected()).api.request(rid)

    async def events(self, after: int | None) -> AsyncIterator[Event]:
        async for event in (await self._connected()).api.events(after):
            yield event

    def review(self, view: RequestView) -> Review:
        import time

        from p0_launcher.review import review

        return review(view, pins=self._profile.agents, now=int(time.time()))

    async def decide(
        self, review: Review, choice: Choice, comment: str, narrowed: Narrowed | None = None
    ) -> RequestView:
        from p0_launcher.review import decide

        connection = await self._connected()
        return await self._browser.during(
            decide(
                connection.api,
                connection.session,
                review,
                choice,
                permissions=None if narrowed is None else narrowed.permissions,
                ttl=None if narrowed is None else narrowed.ttl,
                comment=comment,
            )
        )

    def afterwards(self, view: RequestView) -> Afterwards:
        from p0_launcher.emergencies import afterwards

        return afterwards(view, pins=self._profile.agents)

    async def close_review(self, looked_at: Afterwards, comment: str) -> RequestView:
        from p0_launcher.emergencies import close_review

        connection = await self._connected()
        return await close_review(connection.api, connection.session, looked_at, comment=comment)

    async def mandates(self) -> Sequence[RequestSummary]:
        return await (await self._connected()).api.requests("mandates")

    async def sign_mandate(self, mandate: Allowance | Delegating) -> Sequence[RequestView]:
        from p0_launcher.mandates import Allowance, allow, delegate

        connection = await self._connected()
        if isinstance(mandate, Allowance):
            return [await self._browser.during(allow(connection, mandate))]
        return await self._browser.during(delegate(connection, mandate))

    async def ending(self, rid: str) -> Ending:
        return await (await self._connected()).workflow.ending(rid)

    async def revoke(self, what: Ending, comment: str) -> RequestView:
        return await (await self._connected()).workflow.revoke(what, comment=comment)

    async def extend(self, rid: str, *, ttl: int, reason: str) -> RequestView:
        workflow = (await self._connected()).workflow
        return await self._browser.during(workflow.extend(rid, ttl=ttl, reason=reason, patience=PATIENCE))

    async def give_back(self, rid: str) -> RequestView:
        return await (await self._connected()).workflow.give_back(rid)

    async def open(self, rid: str) -> Access:
        return await (await self._connected()).workflow.resume(rid, patience=PATIENCE)

    async def psql(self, access: Access, *, statement: bool) -> Launch:
        from p0_launcher.commands.asking import signed_sources
        from p0_launcher.psql.find import find_psql
        from p0_launcher.psql.handover import prepare

        what = await (await self._connected()).workflow.asked(access)
        sources = tuple(signed_sources(access, what)) if statement else ()
        if statement and not sources:
            raise TuiError(
                f"{access.rid} was asked for without SQL", code="no_statement", hint="F2 opens an interactive psql."
            )
        return prepare(access, psql=find_psql(), what=what, sources=sources)

    def command_line(self, draft: Draft) -> str:
        words = ["p0", "psql", "-d", draft.database, "-c", draft.sql, "--reason", draft.reason]
        if draft.ttl is not None:
            words += ["--ttl", spell_duration(draft.ttl)]
        if draft.one_shot is not None:
            words.append("--one-shot" if draft.one_shot else "--keep")
        return shlex.join(words)

    def announce_sign_ins(self, announce: Announce) -> None:
        self._browser.announce_by(announce)

    async def sign_in(self) -> None:
        import secrets
        import time

        from p0_launcher.connection import open_wallet
        from p0_launcher.login.flow import sign_in
        from p0_launcher.login.keeping import keep_session
        from p0_launcher.login.provider import IdentityProvider

        profile = self._profile
        provider = IdentityProvider(profile, clock=time.time)
        session = await self._browser.during(
            sign_in(profile, provider, show_url=self._browser.show_url, random=secrets.token_bytes, port=profile.port)
        )
        await keep_session(open_wallet(profile), session)
        await self.close()

    def server_ahead(self) -> float:
        return 0.0 if self._connection is None else self._connection.api.server_ahead

    async def close(self) -> None:
        self._connection = None
        await self._held.aclose()

    async def _connected(self) -> Connection:
        from p0_launcher.connection import connect

        async with self._opening:
            if self._connection is None:
                self._connection = await self._held.enter_async_context(
                    connect(self._profile, show_url=self._browser.show_url)
                )
            return self._connection


def _intent(draft: Draft, *, break_glass: bool = False) -> Intent:
    from p0_access.messages.records import What
    from p0_launcher.intent import Intent

    return Intent(
        database=draft.database,
        what=What(statement=(draft.sql,)),
        reason=draft.reason,
        ttl=draft.ttl,
        one_shot=draft.one_shot,
        break_glass=break_glass,
    )
