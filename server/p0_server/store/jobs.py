"""The agents' queue as SQL. Each function is one piece of work on a connection."""

from __future__ import annotations

import sqlite3

from p0_server.store.queries import execute, row, rows
from p0_server.store.records import ClaimedJob, Done, NewJob, StaleLeaseError, StoredJob, StoredRequest
from p0_server.store.rows import from_row, to_row


def add(db: sqlite3.Connection, rid: str, job: NewJob) -> bool:
    """False when the act has made one already."""
    return execute(db, "insert_job", to_row(job) | {"rid": rid}).rowcount > 0


def claim(
    db: sqlite3.Connection, agent: str, *, now: int, until: int, leases: tuple[str, ...]
) -> tuple[ClaimedJob, ...]:
    claimed = []
    found = rows(db, "claimable", {"agent": agent, "now": now, "limit": len(leases)})
    for each, lease in zip(found, leases, strict=False):
        execute(db, "lease_job", {"job": each["job"], "lease": lease, "until": until})
        job, request = by_name(db, each["job"]), row(db, "request", {"rid": each["rid"]})
        if job is not None and request is not None:
            claimed.append(ClaimedJob(job=job, request=from_row(request, StoredRequest)))
    return tuple(claimed)


def claimable(db: sqlite3.Connection, agent: str, now: int) -> bool:
    return row(db, "claimable", {"agent": agent, "now": now, "limit": 1}) is not None


def release(db: sqlite3.Connection, agent: str, now: int) -> None:
    execute(db, "release_jobs", {"agent": agent, "now": now})


def finish(db: sqlite3.Connection, done: Done, now: int) -> None:
    if not execute(db, "finish_job", to_row(done) | {"now": now}).rowcount:
        raise StaleLeaseError("this lease has been given to another, or the job is done", code="stale_lease")


def by_name(db: sqlite3.Connection, job: str) -> StoredJob | None:
    found = row(db, "job", {"job": job})
    return None if found is None else from_row(found, StoredJob)


def by_act(db: sqlite3.Connection, act_hash: str) -> StoredJob | None:
    found = row(db, "job_of_act", {"act_hash": act_hash})
    return None if found is None else from_row(found, StoredJob)
