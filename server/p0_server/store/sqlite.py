"""The store in one SQLite file: WAL, synchronous=FULL, one writing connection with group commit, one that reads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import aiosqlite
import msgspec

from p0_access.encoding import sha256_b64u
from p0_access.messages.views import Event
from p0_server.errors import ConflictError
from p0_server.store import queries
from p0_server.store.migrations import migrate
from p0_server.store.protocol import (
    CatalogVersion,
    Change,
    ChangedError,
    ClaimedJob,
    Done,
    DueNotice,
    ListKind,
    LoggedEvent,
    NewEvent,
    NewJob,
    NoticeCount,
    Remark,
    RidTakenError,
    SelectTargets,
    Settled,
    StaleLeaseError,
    StandIn,
    StoredAgent,
    StoredCatalog,
    StoredJob,
    StoredRequest,
    StoreError,
    Undelivered,
    Viewer,
    nobody,
)
from p0_server.store.rows import from_row, json_text, to_row
from p0_server.store.writer import Writer

_SQL: Final = queries.load()
_LISTS: Final = {
    "mine": "requests_mine",
    "to-review": "requests_to_review",
    "all": "requests_all",
    "mandates": "requests_mandates",
}
_BUSY_SECONDS: Final = 5.0
_CACHE_KIB: Final = 64 * 1024

MAX_CATALOGS: Final = 16
"""Catalogs kept in memory, since each reading of SQL takes a whole one; the one used longest ago goes first."""


class SqliteStore:
    """A `Store`. Open it with `SqliteStore.open`; a file that is not there is made, for its owner alone. `notify` says
    who is to hear of a new row of the log."""

    def __init__(self, writing: aiosqlite.Connection, reading: aiosqlite.Connection, notify: SelectTargets) -> None:
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
        opened: list[aiosqlite.Connection] = []
        try:
            with contextlib.suppress(FileExistsError):
                # Its owner's alone, since it holds ID tokens while requests are open. One that is there is not opened
                # here: to close it would drop the locks that another store in this process has on it (fcntl(2)).
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            for _ in range(2):
                connection = await aiosqlite.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
                opened.append(connection)
                connection.row_factory = sqlite3.Row
                await connection.execute("PRAGMA journal_mode = WAL")
                await connection.execute("PRAGMA synchronous = FULL")
                await connection.execute("PRAGMA foreign_keys = ON")
                await connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB:d}")
                await connection.execute("PRAGMA secure_delete = ON")  # tokens that are forgotten are gone
            await migrate(opened[0])
        except BaseException as error:
            for connection in opened:
                await connection.close()
            if isinstance(error, OSError | sqlite3.Error):
                raise StoreError(f"cannot open the store {path}: {error}", code="store_unavailable") from error
            raise
        return cls(opened[0], opened[1], notify)

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

    # requests

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
        async def operation(tx: aiosqlite.Connection) -> StoredRequest:
            row = await _one(tx, "count_open", {"iss": request.iss, "sub": request.sub})
            if row is not None and row[0] >= open_limit:
                raise ConflictError(
                    f"you have {open_limit} requests open already", code="too_many_open", hint="Cancel some first."
                )
            if not await _execute(tx, "insert_request", to_row(request)):
                raise RidTakenError(f"{request.rid} stands for another request", code="rid_taken", hint="Try again.")
            await _add_reviewers(tx, request.rid, reviewers)
            for each in stand_ins:
                await _execute(tx, "insert_stand_in", to_row(each) | {"rid": request.rid})
            await _add_job(tx, request.rid, job)
            self._news = True
            return await self._log(tx, request, (event,))

        return await self._writer.write(operation)

    async def change(self, change: Change) -> StoredRequest:
        async def operation(tx: aiosqlite.Connection) -> StoredRequest:
            request = change.request
            if change.done is not None:
                await _finish(tx, change.done, request.updated)
            if request.state.final:
                request = msgspec.structs.replace(request, identity=None)
                await _execute(tx, "close_jobs", {"rid": request.rid, "now": request.updated})
                await _execute(tx, "delete_stand_ins", {"rid": request.rid})
            if not await _execute(tx, "update_request", to_row(request)):
                raise ChangedError(f"{request.rid} has changed meanwhile", code="request_changed")
            await _add_reviewers(tx, request.rid, change.reviewers)
            if change.job is not None and not await _add_job(tx, request.rid, change.job):
                raise ChangedError("this was sent before", code="request_changed")
            self._news = True
            return await self._log(tx, request, change.events)

        return await self._writer.write(operation)

    async def request(self, rid: str) -> StoredRequest | None:
        row = await _one(self._reading, "request", {"rid": rid})
        return None if row is None else from_row(row, StoredRequest)

    async def request_by_hash(self, rh: str) -> StoredRequest | None:
        row = await _one(self._reading, "request_by_hash", {"rh": rh})
        return None if row is None else from_row(row, StoredRequest)

    async def reviewers(self, rid: str) -> frozenset[str]:
        return frozenset(row["key"] for row in await _all(self._reading, "reviewers", {"rid": rid}))

    async def requests(self, kind: ListKind, viewer: Viewer, limit: int) -> tuple[tuple[StoredRequest, bool], ...]:
        keys, seen = json_text(sorted(viewer.keys)), json_text(sorted(viewer.keys | viewer.ends))
        parameters = {"iss": viewer.iss, "sub": viewer.sub, "keys": keys, "seen": seen, "limit": limit}
        rows = await _all(self._reading, _LISTS[kind], parameters)
        return tuple((from_row(row, StoredRequest), bool(row["reviewer"])) for row in rows)

    async def to_lapse(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        rows = await _all(self._reading, "to_lapse", {"now": now, "limit": limit})
        return tuple(from_row(row, StoredRequest) for row in rows)

    async def to_escalate(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        rows = await _all(self._reading, "to_escalate", {"now": now, "limit": limit})
        return tuple(from_row(row, StoredRequest) for row in rows)

    async def to_expire(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        rows = await _all(self._reading, "to_expire", {"now": now, "limit": limit})
        return tuple(from_row(row, StoredRequest) for row in rows)

    async def stood_in_for(self, keys: frozenset[str], now: int) -> frozenset[str]:
        rows = await _all(self._reading, "stood_in_for", {"keys": json_text(sorted(keys)), "now": now})
        return frozenset(row["as_key"] for row in rows)

    # events

    async def events(self, *, after: int, limit: int, rid: str | None = None) -> tuple[LoggedEvent, ...]:
        name = "events" if rid is None else "events_of_request"
        rows = await _all(self._reading, name, {"after": after, "limit": limit, "rid": rid})
        return tuple(from_row(row, LoggedEvent, event=from_row(row, Event)) for row in rows)

    async def last_seq(self) -> int:
        row = await _one(self._reading, "last_seq", {})
        return 0 if row is None else int(row[0])

    async def _log(
        self, tx: aiosqlite.Connection, request: StoredRequest, events: tuple[NewEvent, ...]
    ) -> StoredRequest:
        seq = request.version
        for event in events:
            inserted = await tx.execute(_SQL["insert_event"], to_row(event) | {"rid": request.rid})
            seq = inserted.lastrowid or seq
            for target in self._notify(request, event):
                name = "msg_" + sha256_b64u(f"{request.rid} {seq} {target}".encode())[:27]
                await _execute(tx, "insert_notice", {"id": name, "target": target, "seq": seq, "due": event.at})
        await _execute(tx, "set_version", {"rid": request.rid, "version": seq})
        return msgspec.structs.replace(request, version=seq)

    # jobs

    async def claim(self, agent: str, *, now: int, until: int, leases: tuple[str, ...]) -> tuple[ClaimedJob, ...]:
        async def operation(tx: aiosqlite.Connection) -> tuple[ClaimedJob, ...]:
            found = await _all(tx, "claimable", {"agent": agent, "now": now, "limit": len(leases)})
            claimed = []
            for row, lease in zip(found, leases, strict=False):
                await _execute(tx, "lease_job", {"job": row["job"], "lease": lease, "until": until})
                job = await _one(tx, "job", {"job": row["job"]})
                request = await _one(tx, "request", {"rid": row["rid"]})
                if job is not None and request is not None:
                    claimed.append(ClaimedJob(job=from_row(job, StoredJob), request=from_row(request, StoredRequest)))
            return tuple(claimed)

        return await self._writer.write(operation)

    async def claimable(self, agent: str, now: int) -> bool:
        return await _one(self._reading, "claimable", {"agent": agent, "now": now, "limit": 1}) is not None

    async def release(self, agent: str, now: int) -> None:
        await self._writer.write(lambda tx: _execute(tx, "release_jobs", {"agent": agent, "now": now}))

    async def finish(self, done: Done, now: int) -> None:
        await self._writer.write(lambda tx: _finish(tx, done, now))

    async def job(self, job: str) -> StoredJob | None:
        row = await _one(self._reading, "job", {"job": job})
        return None if row is None else from_row(row, StoredJob)

    async def job_of_act(self, act_hash: str) -> StoredJob | None:
        row = await _one(self._reading, "job_of_act", {"act_hash": act_hash})
        return None if row is None else from_row(row, StoredJob)

    # catalogs, agents, proofs

    async def put_catalog(self, catalog: StoredCatalog) -> None:
        await self._writer.write(lambda tx: _execute(tx, "put_catalog", to_row(catalog)))
        self._catalogs_put += 1
        self._catalogs.pop(catalog.database, None)

    async def catalog(self, database: str) -> StoredCatalog | None:
        known = self._catalogs.get(database)
        if known is not None:
            self._catalogs.move_to_end(database)
            return known
        put = self._catalogs_put
        row = await _one(self._reading, "catalog", {"database": database})
        found = None if row is None else from_row(row, StoredCatalog)
        if found is not None and put == self._catalogs_put:  # else it may be one that was replaced meanwhile
            self._catalogs[database] = found
            if len(self._catalogs) > MAX_CATALOGS:
                self._catalogs.popitem(last=False)
        return found

    async def catalog_versions(self) -> tuple[CatalogVersion, ...]:
        return tuple(from_row(row, CatalogVersion) for row in await _all(self._reading, "catalog_versions", {}))

    async def heard(self, agent: StoredAgent) -> None:
        await self._writer.write(lambda tx: _execute(tx, "heard", to_row(agent)))

    async def agents(self) -> tuple[StoredAgent, ...]:
        return tuple(from_row(row, StoredAgent) for row in await _all(self._reading, "agents", {}))

    async def use_proof(self, key: str, jti: str, *, until: int) -> bool:
        parameters = {"key": key, "jti": jti, "until": until}
        return await self._writer.write(lambda tx: _execute(tx, "use_proof", parameters)) == 1

    async def forget_proofs(self, now: int) -> None:
        await self._writer.write(lambda tx: _execute(tx, "forget_proofs", {"now": now}))

    # notices, remarks

    async def due_notices(self, target: str, *, now: int, limit: int) -> tuple[DueNotice, ...]:
        rows = await _all(self._reading, "due_notices", {"target": target, "now": now, "limit": limit})
        found: list[DueNotice] = []
        for row in rows:
            (event,) = await _all(self._reading, "event", {"seq": row["seq"]})
            (request,) = await _all(self._reading, "request", {"rid": event["rid"]})
            found.append(
                from_row(row, DueNotice, event=from_row(event, Event), request=from_row(request, StoredRequest))
            )
        return tuple(found)

    async def settle_notice(self, number: int, settled: Settled) -> None:
        await self._writer.write(lambda tx: _execute(tx, "settle_notice", to_row(settled) | {"number": number}))

    async def undelivered(self, limit: int) -> tuple[Undelivered, ...]:
        rows = await _all(self._reading, "undelivered_notices", {"limit": limit})
        return tuple(from_row(row, Undelivered) for row in rows)

    async def notice_counts(self) -> tuple[NoticeCount, ...]:
        return tuple(from_row(row, NoticeCount) for row in await _all(self._reading, "count_notices", {}))

    async def revive_notices(self, now: int) -> int:
        return await self._writer.write(lambda tx: _execute(tx, "revive_notices", {"now": now}))

    async def forget_notices(self, before: int) -> None:
        await self._writer.write(lambda tx: _execute(tx, "forget_notices", {"before": before}))

    async def remark(self, remark: Remark) -> None:
        await self._writer.write(lambda tx: _execute(tx, "put_remark", to_row(remark)))

    async def remarked(self, about: str) -> Remark | None:
        row = await _one(self._reading, "remark", {"about": about})
        return None if row is None else from_row(row, Remark)


async def _add_reviewers(tx: aiosqlite.Connection, rid: str, keys: Iterable[str]) -> None:
    for key in sorted(keys):
        await _execute(tx, "insert_reviewer", {"key": key, "rid": rid})


async def _add_job(tx: aiosqlite.Connection, rid: str, job: NewJob) -> int:
    return await _execute(tx, "insert_job", to_row(job) | {"rid": rid})


async def _finish(tx: aiosqlite.Connection, done: Done, now: int) -> None:
    if not await _execute(tx, "finish_job", to_row(done) | {"now": now}):
        raise StaleLeaseError("this lease has been given to another, or the job is done", code="stale_lease")


async def _execute(connection: aiosqlite.Connection, name: str, parameters: dict[str, Any]) -> int:
    """The number of rows changed. What gives no rows is over then: to close its cursor would be one more way to the
    connection's thread and back."""
    return (await connection.execute(_SQL[name], parameters)).rowcount


async def _one(connection: aiosqlite.Connection, name: str, parameters: dict[str, Any]) -> sqlite3.Row | None:
    rows = await _all(connection, name, parameters)
    return rows[0] if rows else None


async def _all(connection: aiosqlite.Connection, name: str, parameters: dict[str, Any]) -> list[sqlite3.Row]:
    try:
        return list(await connection.execute_fetchall(_SQL[name], parameters))
    except (sqlite3.Error, ValueError) as error:
        raise StoreError("the store cannot be read", code="store_unavailable") from error
