"""Catalogs, agents and the proofs that were seen, as SQL. Each function is one piece of work on a connection."""

from __future__ import annotations

import sqlite3

from p0_server.store.queries import execute, row, rows
from p0_server.store.records import CatalogVersion, StoredAgent, StoredCatalog, UsedProof
from p0_server.store.rows import from_row, to_row


def put_catalog(db: sqlite3.Connection, catalog: StoredCatalog) -> None:
    execute(db, "put_catalog", to_row(catalog))


def catalog(db: sqlite3.Connection, database: str) -> StoredCatalog | None:
    found = row(db, "catalog", {"database": database})
    return None if found is None else from_row(found, StoredCatalog)


def catalog_versions(db: sqlite3.Connection) -> tuple[CatalogVersion, ...]:
    return tuple(from_row(each, CatalogVersion) for each in rows(db, "catalog_versions", {}))


def heard(db: sqlite3.Connection, agent: StoredAgent) -> None:
    execute(db, "heard", to_row(agent))


def agents(db: sqlite3.Connection) -> tuple[StoredAgent, ...]:
    return tuple(from_row(each, StoredAgent) for each in rows(db, "agents", {}))


def keep_proof(db: sqlite3.Connection, proof: UsedProof) -> None:
    execute(db, "keep_proof", to_row(proof))


def proofs(db: sqlite3.Connection, now: int) -> tuple[UsedProof, ...]:
    return tuple(from_row(each, UsedProof) for each in rows(db, "proofs", {"now": now}))


def forget_proofs(db: sqlite3.Connection, now: int) -> None:
    execute(db, "forget_proofs", {"now": now})
