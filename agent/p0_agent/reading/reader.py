"""What a request needs: the seam behind which the reading can deepen without the core noticing."""

from __future__ import annotations

from typing import Protocol

import msgspec

from p0_access.messages.records import ReachedObject, What
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import ReadingWarning


class RequestReading(msgspec.Struct, frozen=True, kw_only=True):
    """A request's needs, before routing settles them: what is needed, what owner-run code reaches on the caller's
    behalf
    (`reach_unknown`: and not all of it is known), what a reviewer should know, and the catalog it was read against."""

    needed: tuple[Permission, ...]
    reached: tuple[Permission, ...]
    reach_unknown: bool
    objects: tuple[ReachedObject, ...]
    warnings: tuple[ReadingWarning, ...]
    catalog: Catalog


class Reader(Protocol):
    """Reads SQL against a database's own catalog."""

    async def read(self, database: str, what: What) -> RequestReading:
        """Raises `P0Error` for what is not understood: nothing may be granted for it."""
        ...
