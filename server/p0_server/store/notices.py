"""Notices on their way, and remarks, as SQL. Each function is one piece of work on a connection."""

from __future__ import annotations

import sqlite3

from p0_access.messages.views import Event
from p0_server.store.queries import execute, row, rows
from p0_server.store.records import DueNotice, NoticeCount, Remark, Settled, StoredRequest, Undelivered
from p0_server.store.rows import from_row, to_row


def due(db: sqlite3.Connection, target: str, *, now: int, limit: int) -> tuple[DueNotice, ...]:
    return tuple(_due(db, each) for each in rows(db, "due_notices", {"target": target, "now": now, "limit": limit}))


def _due(db: sqlite3.Connection, notice: sqlite3.Row) -> DueNotice:
    (event,) = rows(db, "event", {"seq": notice["seq"]})
    (request,) = rows(db, "request", {"rid": event["rid"]})
    return from_row(notice, DueNotice, event=from_row(event, Event), request=from_row(request, StoredRequest))


def settle(db: sqlite3.Connection, number: int, settled: Settled) -> None:
    execute(db, "settle_notice", to_row(settled) | {"number": number})


def undelivered(db: sqlite3.Connection, limit: int) -> tuple[Undelivered, ...]:
    return tuple(from_row(each, Undelivered) for each in rows(db, "undelivered_notices", {"limit": limit}))


def counts(db: sqlite3.Connection) -> tuple[NoticeCount, ...]:
    return tuple(from_row(each, NoticeCount) for each in rows(db, "count_notices", {}))


def revive(db: sqlite3.Connection, now: int) -> int:
    return execute(db, "revive_notices", {"now": now}).rowcount


def forget(db: sqlite3.Connection, before: int) -> None:
    execute(db, "forget_notices", {"before": before})


def remark(db: sqlite3.Connection, remark: Remark) -> None:
    execute(db, "put_remark", to_row(remark))


def remarked(db: sqlite3.Connection, about: str) -> Remark | None:
    found = row(db, "remark", {"about": about})
    return None if found is None else from_row(found, Remark)
