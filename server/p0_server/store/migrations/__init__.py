"""The schema's steps, `NNNN_name.sql`, applied in order and each in one transaction. A released step never changes."""

from __future__ import annotations

import sqlite3
from importlib.resources import files

from p0_server.store.connection import NOT_A_STORE
from p0_server.store.records import StoreError


def steps() -> dict[int, str]:
    """Every step's SQL by its number, which start at 1 and leave none out."""
    scripts = sorted(
        (file for file in files(__package__).iterdir() if file.name.endswith(".sql")), key=lambda each: each.name
    )
    found = {int(file.name.partition("_")[0]): file.read_text(encoding="utf-8") for file in scripts}
    if sorted(found) != list(range(1, len(found) + 1)):
        raise ValueError("the migrations are not numbered 1, 2, 3, …")
    return found


def migrate(db: sqlite3.Connection) -> None:
    """Brings the schema up to date; refuses one that a newer server has made."""
    try:
        db.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")
        current = int(db.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()[0])
    except sqlite3.Error as error:
        raise StoreError(f"the store cannot be read: {error}", code="store_unavailable", hint=NOT_A_STORE) from error
    known = steps()
    if current > len(known):
        raise StoreError(
            f"the store has schema version {current}; this server knows {len(known)}",
            code="store_newer",
            hint="A newer version of p0 made it: run that version.",
        )
    for version in range(current + 1, len(known) + 1):
        script = f"BEGIN IMMEDIATE;\n{known[version]}\nINSERT INTO schema_version VALUES ({version:d});\nCOMMIT;"
        try:
            db.executescript(script)
        except sqlite3.Error as error:
            if db.in_transaction:
                db.rollback()
            hint = "The store is as it was before; the version of p0 that it is from still runs on it"
            raise StoreError(f"migration {version} failed: {error}", code="store_migration", hint=hint) from error
