"""Requests, who may see them, and their log, as SQL. Each function is one piece of work on a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from p0_access.encoding import sha256_b64u
from p0_access.messages.views import Event
from p0_server.errors import ConflictError
from p0_server.store import jobs
from p0_server.store.queries import execute, row, rows
from p0_server.store.records import (
    Change,
    ChangedError,
    ListKind,
    LoggedEvent,
    NewEvent,
    NewJob,
    RidTakenError,
    Seen,
    SelectTargets,
    StandIn,
    StoredRequest,
    Viewer,
)
from p0_server.store.rows import from_row, json_text, to_row

_LISTS: Final = {
    "mine": "requests_mine",
    "to-review": "requests_to_review",
    "all": "requests_all",
    "mandates": "requests_mandates",
}


def create(
    db: sqlite3.Connection,
    request: StoredRequest,
    event: NewEvent,
    job: NewJob,
    *,
    reviewers: frozenset[str],
    open_limit: int,
    stand_ins: tuple[StandIn, ...],
    notify: SelectTargets,
) -> StoredRequest:
    of_theirs = row(db, "count_open", {"iss": request.iss, "sub": request.sub})
    if of_theirs is not None and of_theirs[0] >= open_limit:
        raise ConflictError(
            f"you have {open_limit} requests open already", code="too_many_open", hint="Cancel some first."
        )
    if not execute(db, "insert_request", to_row(request)).rowcount:
        raise RidTakenError(f"{request.rid} stands for another request", code="rid_taken", hint="Try again.")
    _add_reviewers(db, request.rid, reviewers)
    for each in stand_ins:
        execute(db, "insert_stand_in", to_row(each) | {"rid": request.rid})
    jobs.add(db, request.rid, job)
    return _log(db, request, (event,), notify)


def change(db: sqlite3.Connection, change: Change, notify: SelectTargets) -> StoredRequest:
    request = change.request
    if change.done is not None:
        jobs.finish(db, change.done, request.updated)
    if request.state.final:
        request = msgspec.structs.replace(request, identity=None)
        execute(db, "close_jobs", {"rid": request.rid, "now": request.updated})
        execute(db, "delete_stand_ins", {"rid": request.rid})
    if not execute(db, "update_request", to_row(request)).rowcount:
        raise ChangedError(f"{request.rid} has changed meanwhile", code="request_changed")
    _add_reviewers(db, request.rid, change.reviewers)
    if change.job is not None and not jobs.add(db, request.rid, change.job):
        raise ChangedError("this was sent before", code="request_changed")
    return _log(db, request, change.events, notify)


def by_id(db: sqlite3.Connection, rid: str) -> StoredRequest | None:
    found = row(db, "request", {"rid": rid})
    return None if found is None else from_row(found, StoredRequest)


def by_hash(db: sqlite3.Connection, rh: str) -> StoredRequest | None:
    found = row(db, "request_by_hash", {"rh": rh})
    return None if found is None else from_row(found, StoredRequest)


def seen(db: sqlite3.Connection, rid: str, keys: frozenset[str], now: int) -> Seen | None:
    request = by_id(db, rid)
    if request is None:
        return None
    reviewers = frozenset(each["key"] for each in rows(db, "reviewers", {"rid": rid}))
    return Seen(request=request, reviewers=reviewers, in_place_of=stood_in_for(db, keys, now))


def listed(
    db: sqlite3.Connection, kind: ListKind, viewer: Viewer, limit: int
) -> tuple[tuple[StoredRequest, bool], ...]:
    keys, seen = json_text(sorted(viewer.keys)), json_text(sorted(viewer.keys | viewer.ends))
    parameters = {"iss": viewer.iss, "sub": viewer.sub, "keys": keys, "seen": seen, "limit": limit}
    return tuple((from_row(each, StoredRequest), bool(each["reviewer"])) for each in rows(db, _LISTS[kind], parameters))


def due(db: sqlite3.Connection, statement: str, now: int, limit: int) -> tuple[StoredRequest, ...]:
    """What is `to_lapse`, `to_escalate` or `to_expire`."""
    return tuple(from_row(each, StoredRequest) for each in rows(db, statement, {"now": now, "limit": limit}))


def stood_in_for(db: sqlite3.Connection, keys: frozenset[str], now: int) -> frozenset[str]:
    found = rows(db, "stood_in_for", {"keys": json_text(sorted(keys)), "now": now})
    return frozenset(each["as_key"] for each in found)


def events(db: sqlite3.Connection, *, after: int, limit: int, rid: str | None) -> tuple[LoggedEvent, ...]:
    name = "events" if rid is None else "events_of_request"
    found = rows(db, name, {"after": after, "limit": limit, "rid": rid})
    return tuple(from_row(each, LoggedEvent, event=from_row(each, Event)) for each in found)


def last_seq(db: sqlite3.Connection) -> int:
    found = row(db, "last_seq", {})
    return 0 if found is None else int(found[0])


def _log(
    db: sqlite3.Connection, request: StoredRequest, events: tuple[NewEvent, ...], notify: SelectTargets
) -> StoredRequest:
    seq = request.version
    for event in events:
        seq = execute(db, "insert_event", to_row(event) | {"rid": request.rid}).lastrowid or seq
        for target in notify(request, event):
            name = "msg_" + sha256_b64u(f"{request.rid} {seq} {target}".encode())[:27]
            execute(db, "insert_notice", {"id": name, "target": target, "seq": seq, "due": event.at})
    execute(db, "set_version", {"rid": request.rid, "version": seq})
    return msgspec.structs.replace(request, version=seq)


def _add_reviewers(db: sqlite3.Connection, rid: str, keys: Iterable[str]) -> None:
    for key in sorted(keys):
        execute(db, "insert_reviewer", {"key": key, "rid": rid})
