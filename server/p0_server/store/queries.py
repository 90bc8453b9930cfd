"""Named SQL: files whose statements each stand under a line `-- name: …`, and how they are run."""

from __future__ import annotations

import re
import sqlite3
from importlib.resources import files
from typing import Any, Final

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load() -> dict[str, str]:
    """Every statement below `sql/`, by its name; a name that stands twice is a defect."""
    found: dict[str, str] = {}
    for file in sorted(files(__package__).joinpath("sql").iterdir(), key=lambda each: each.name):
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, statement in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"the statement {name} stands twice")
            found[name] = statement.strip()
    return found


_SQL: Final = load()


def execute(db: sqlite3.Connection, name: str, parameters: dict[str, Any]) -> sqlite3.Cursor:
    """What was done is in the cursor: how many rows, and the number of the last one."""
    return db.execute(_SQL[name], parameters)


def rows(db: sqlite3.Connection, name: str, parameters: dict[str, Any]) -> list[sqlite3.Row]:
    return db.execute(_SQL[name], parameters).fetchall()


def row(db: sqlite3.Connection, name: str, parameters: dict[str, Any]) -> sqlite3.Row | None:
    """The first one."""
    found = rows(db, name, parameters)
    return found[0] if found else None
