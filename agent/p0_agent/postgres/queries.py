"""The longer queries, each in a file of its own below `sql/`. Parameters are psycopg's `%(name)s`."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def query(name: str) -> bytes:
    """The text of `sql/<name>.sql`."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_bytes()
