"""What a request needs, settled for granting: the seam behind which the reading can deepen without the core
noticing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from p0_access.messages.records import ReachedObject, What
from p0_access.permissions.facts import Facts
from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import ReadingWarning

Tagged = Callable[[str, str, str], bool]
"""(schema, relation, column) → whether the rules' own tags name it."""


class RequestReading(msgspec.Struct, frozen=True, kw_only=True):
    """A request's needs: what to grant, what owner-run code reaches (`reach_unknown`: and not all of it is known),
    what a
    reviewer should know, and what routing must know."""

    permissions: tuple[Permission, ...]
    reached: tuple[Permission, ...]
    reach_unknown: bool
    objects: tuple[ReachedObject, ...]
    warnings: tuple[ReadingWarning, ...]
    facts: Facts


class Reader(Protocol):
    """Reads SQL against a database's own catalog."""

    async def read(self, database: str, what: What, *, tagged: Tagged) -> RequestReading:
        """Raises `P0Error` for what is not understood: nothing may be granted for it."""
        ...
