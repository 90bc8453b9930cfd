"""A request's row, and its steps as text of SQL: for `Ledger`, and for transactions that take a step beside making a
login. Nothing here executes one.

    claimed → admitted → approved → provisioned → sealed → ending → ended
    with refused, denied, cancelled, lapsed and needs_changes as other ends before `provisioned`, and extended for a
    request that made another's login last longer

Each step is one conditional UPDATE, so that of two that race one wins and the other is told where the row is.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec
from psycopg import sql

from p0_access.messages.records import Cause
from p0_agent.postgres.errors import LedgerError
from p0_agent.postgres.messages import Rows
from p0_agent.postgres.roles import named

Stage = Literal[
    "claimed",
    "admitted",
    "approved",
    "provisioned",
    "sealed",
    "ending",
    "ended",
    "refused",
    "denied",
    "cancelled",
    "lapsed",
    "needs_changes",
    "extended",
]
Closed = Literal["refused", "denied", "cancelled", "lapsed", "needs_changes"]

OPEN: Final[tuple[Stage, ...]] = ("claimed", "admitted", "approved")
LIVE: Final[tuple[Stage, ...]] = ("provisioned", "sealed", "ending")
"""A login may exist."""

MAX_GRANTED_BYTES: Final = 4 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A request's row. `not_after`, fixed when the login was first made, is set with `login` and `set_role`, and with
    the OIDs that the two roles had when they were last seen whole; `attempt` counts how often the login was given a
    password."""

    rh: str
    rid: str
    database: str
    stage: Stage
    request: str
    admission: str | None
    refusal: str | None
    credential: str | None
    deletion: str | None
    login: str | None
    set_role: str | None
    login_oid: int | None
    set_oid: int | None
    not_after: int | None
    attempt: int
    cause: Cause | None
    claimed_at: int
    updated_at: int


COLUMNS: Final = sql.SQL(", ".join(Entry.__struct_fields__))
"""As text once and for all: they are names of this class, and plain ones."""


def locked(rh: str) -> sql.Composed:
    """The query for the row (`read_entry`), which keeps it from others until the transaction ends."""
    return sql.SQL("SELECT {} FROM p0.request WHERE rh = {} FOR UPDATE").format(COLUMNS, sql.Literal(rh))


def read_entry(rows: Rows) -> Entry | None:
    return Entry(**dict(zip(Entry.__struct_fields__, rows[0], strict=True))) if rows else None


def advanced(
    rh: str, allowed: tuple[Stage, ...], to: Stage, now: int, **columns: str | int | sql.Composable | None
) -> sql.Composed:
    """The step itself, if the row is at one of the `allowed` stages; for `stepped`. Columns that are None stay."""
    changes: dict[str, sql.Composable] = {"stage": sql.Literal(to), "updated_at": sql.Literal(now)}
    for name, value in columns.items():
        if value is not None:
            changes[name] = value if isinstance(value, sql.Composable) else sql.Literal(value)
    if to == "ended":
        changes["credential"] = sql.SQL("NULL")
    return sql.SQL("UPDATE p0.request SET {} WHERE rh = {} AND stage = ANY({}) RETURNING {}").format(
        sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in changes.items()),
        sql.Literal(rh),
        sql.Literal(list(allowed)),
        COLUMNS,
    )


def stepped(rows: Rows) -> Entry:
    entry = read_entry(rows)
    if entry is None:
        raise LedgerError("the request moved on meanwhile", code="ledger_conflict")
    return entry


def require(entry: Entry | None, allowed: tuple[Stage, ...]) -> Entry:
    if entry is None:
        raise LedgerError("there is no such request", code="ledger_unknown")
    if entry.stage not in allowed:
        raise LedgerError(f"the request is {entry.stage} already", code=f"already_{entry.stage}")
    return entry


def provisioned(
    entry: Entry, *, login: str, set_role: str, verifier: str, granted: str, not_after: int, now: int
) -> sql.Composed:
    """The step to `provisioned` (`stepped`), for the transaction that made the login and the set role: it notes their
    OIDs, and once the login's settings. Taken again (the credential was never sealed), it keeps login and end as they
    were fixed the first time, and counts another attempt."""
    first: dict[str, str | int] = {}
    if entry.stage != "provisioned":
        first = {"login": login, "set_role": set_role, "granted": granted, "not_after": not_after}
    return advanced(
        entry.rh,
        ("approved", "provisioned"),
        "provisioned",
        now,
        **first,
        attempt=entry.attempt + 1,
        login_oid=sql.SQL("{}::bigint").format(named(login)),
        set_oid=sql.SQL("{}::bigint").format(named(set_role)),
        verifier_sha256=sql.Literal(hashlib.sha256(verifier.encode()).digest()),
        settings=sql.SQL(
            "coalesce(settings, (SELECT setconfig FROM pg_catalog.pg_db_role_setting"
            " WHERE setrole = {} AND setdatabase = 0))"
        ).format(named(login)),
    )
