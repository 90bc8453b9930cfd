"""The longer queries, each in a file of its own below its package's `sql/`. Parameters are psycopg's `%(name)s`."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def query(name: str, package: str = __package__) -> bytes:
    """The text of `sql/<name>.sql` in a package."""
    return resources.files(package).joinpath("sql", f"{name}.sql").read_bytes()
