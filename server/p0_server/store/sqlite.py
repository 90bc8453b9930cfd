"""The store in one SQLite file: WAL, synchronous=FULL, one writing connection with group commit, one that reads.

What is done to the rows stands in the modules beside it, one for each file of SQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from p0_server.store import agents, jobs, notices, requests
from p0_server.store.connection import Connection
from p0_server.store.migrations import migrate
from p0_server.store.records import (
    CatalogVersion,
    Change,
    ClaimedJob,
    Done,
    DueNotice,
    ListKind,
    LoggedEvent,
    NewEvent,
    NewJob,
    NoticeCount,
    Remark,
    Seen,
    SelectTargets,
    Settled,
    StandIn,
    StoredAgent,
    StoredCatalog,
    StoredJob,
    StoredRequest,
    StoreError,
    Undelivered,
    UsedProof,
    Viewer,
    nobody,
)
from p0_server.store.writer import Writer

MAX_CATALOGS: Final = 16
"""Catalogs kept in memory, since each reading of SQL takes a whole one; the one used longest ago goes first."""

T = TypeVar("T")


class SqliteStore:
    """A `Store`. Open it with `SqliteStore.open`; a file that is not there is made, for its owner alone. `notify` says
    who is to hear of a new row of the log; it is called on the thread that writes."""

    def __init__(self, writing: Connection, reading: Connection, notify: SelectTargets) -> None:
        self._reading = reading
        self._notify = notify
        self._connections = (writing, reading)
        self._callbacks: list[Callable[[], None]] = []
        self._news = False
        self._catalogs: OrderedDict[str, StoredCatalog] = OrderedDict()
        self._catalogs_put = 0
        self._writer = Writer(writing, self._committed)

    @classmethod
    async def open(cls, path: Path, *, notify: SelectTargets = nobody) -> SqliteStore:
        async with contextlib.AsyncExitStack() as opened:
            writing = await Connection.open(path)
            opened.push_async_callback(writing.close)
            await writing.run(migrate)
            reading = await Connection.open(path)
            opened.pop_all()
        return cls(writing, reading, notify)

    async def close(self) -> None:
        await self._writer.close()
        await asyncio.gather(*(connection.close() for connection in self._connections))

    def on_commit(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def _committed(self) -> None:
        if not self._news:
            return
        self._news = False
        for callback in self._callbacks:
            callback()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._reading.run(work)
        except sqlite3.Error as error:
            raise StoreError("the store cannot be read", code="store_unavailable") from error

    # requests and their log

    async def create(
        self,
        request: StoredRequest,
        event: NewEvent,
        job: NewJob,
        *,
        reviewers: frozenset[str],
        open_limit: int,
        stand_ins: tuple[StandIn, ...] = (),
    ) -> StoredRequest:
        def operation(db: sqlite3.Connection) -> StoredRequest:
            created = requests.create(
                db,
                request,
                event,
                job,
                reviewers=reviewers,
                open_limit=open_limit,
                stand_ins=stand_ins,
                notify=self._notify,
            )
            self._news = True
            return created

        return await self._writer.write(operation)

    async def change(self, change: Change) -> StoredRequest:
        def operation(db: sqlite3.Connection) -> StoredRequest:
            changed = requests.change(db, change, self._notify)
            self._news = True
            return changed

        return await self._writer.write(operation)

    async def request(self, rid: str) -> StoredRequest | None:
        return await self._read(lambda db: requests.by_id(db, rid))

    async def request_by_hash(self, rh: str) -> StoredRequest | None:
        return await self._read(lambda db: requests.by_hash(db, rh))

    async def seen(self, rid: str, keys: frozenset[str], now: int) -> Seen | None:
        return await self._read(lambda db: requests.seen(db, rid, keys, now))

    async def requests(self, kind: ListKind, viewer: Viewer, limit: int) -> tuple[tuple[StoredRequest, bool], ...]:
        return await self._read(lambda db: requests.listed(db, kind, viewer, limit))

    async def to_lapse(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        return await self._read(lambda db: requests.due(db, "to_lapse", now, limit))

    async def to_escalate(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        return await self._read(lambda db: requests.due(db, "to_escalate", now, limit))

    async def to_expire(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        return await self._read(lambda db: requests.due(db, "to_expire", now, limit))

    async def stood_in_for(self, keys: frozenset[str], now: int) -> frozenset[str]:
        return await self._read(lambda db: requests.stood_in_for(db, keys, now))

    async def events(self, *, after: int, limit: int, rid: str | None = None) -> tuple[LoggedEvent, ...]:
        return await self._read(lambda db: requests.events(db, after=after, limit=limit, rid=rid))

    async def last_seq(self) -> int:
        return await self._read(requests.last_seq)

    # jobs

    async def claim(self, agent: str, *, now: int, until: int, leases: tuple[str, ...]) -> tuple[ClaimedJob, ...]:
        return await self._writer.write(lambda db: jobs.claim(db, agent, now=now, until=until, leases=leases))

    async def claimable(self, agent: str, now: int) -> bool:
        return await self._read(lambda db: jobs.claimable(db, agent, now))

    async def release(self, agent: str, now: int) -> None:
        await self._writer.write(lambda db: jobs.release(db, agent, now))

    async def finish(self, done: Done, now: int) -> None:
        await self._writer.write(lambda db: jobs.finish(db, done, now))

    async def job(self, job: str) -> StoredJob | None:
        return await self._read(lambda db: jobs.by_name(db, job))

    async def job_of_act(self, act_hash: str) -> StoredJob | None:
        return await self._read(lambda db: jobs.by_act(db, act_hash))

    # catalogs, agents, proofs

    async def put_catalog(self, catalog: StoredCatalog) -> None:
        await self._writer.write(lambda db: agents.put_catalog(db, catalog))
        self._catalogs_put += 1
        self._catalogs.pop(catalog.database, None)

    async def catalog(self, database: str) -> StoredCatalog | None:
        known = self._catalogs.get(database)
        if known is not None:
            self._catalogs.move_to_end(database)
            return known
        put = self._catalogs_put
        found = await self._read(lambda db: agents.catalog(db, database))
        if found is not None and put == self._catalogs_put:  # else it may be one that was replaced meanwhile
            self._catalogs[database] = found
            if len(self._catalogs) > MAX_CATALOGS:
                self._catalogs.popitem(last=False)
        return found

    async def catalog_versions(self) -> tuple[CatalogVersion, ...]:
        return await self._read(agents.catalog_versions)

    async def heard(self, agent: StoredAgent) -> None:
        await self._writer.write(lambda db: agents.heard(db, agent))

    async def agents(self) -> tuple[StoredAgent, ...]:
        return await self._read(agents.agents)

    def keep_proof(self, proof: UsedProof) -> Awaitable[None]:
        return self._writer.later(lambda db: agents.keep_proof(db, proof))

    async def proofs(self, now: int) -> tuple[UsedProof, ...]:
        return await self._read(lambda db: agents.proofs(db, now))

    async def forget_proofs(self, now: int) -> None:
        await self._writer.write(lambda db: agents.forget_proofs(db, now))

    # notices, remarks

    async def due_notices(self, target: str, *, now: int, limit: int) -> tuple[DueNotice, ...]:
        return await self._read(lambda db: notices.due(db, target, now=now, limit=limit))

    async def settle_notice(self, number: int, settled: Settled) -> None:
        await self._writer.write(lambda db: notices.settle(db, number, settled))

    async def undelivered(self, limit: int) -> tuple[Undelivered, ...]:
        return await self._read(lambda db: notices.undelivered(db, limit))

    async def notice_counts(self) -> tuple[NoticeCount, ...]:
        return await self._read(notices.counts)

    async def revive_notices(self, now: int) -> int:
        return await self._writer.write(lambda db: notices.revive(db, now))

    async def forget_notices(self, before: int) -> None:
        await self._writer.write(lambda db: notices.forget(db, before))

    async def remark(self, remark: Remark) -> None:
        await self._writer.write(lambda db: notices.remark(db, remark))

    async def remarked(self, about: str) -> Remark | None:
        return await self._read(lambda db: notices.remarked(db, about))
