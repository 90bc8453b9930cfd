"""Approving less than was asked for: permissions struck, time shortened. Pure; never widens."""

from __future__ import annotations

import msgspec

from p0_access.permissions.permission import Kind, Permission, canonical


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a review's permissions, and its time in seconds."""

    permissions: tuple[Permission, ...]
    ttl: int


def strikable(permissions: tuple[Permission, ...]) -> tuple[Permission, ...]:
    """Those that can be struck one by one; implied ones follow what they carry."""
    return tuple(item for item in permissions if not item.implied)


def without(permissions: tuple[Permission, ...], struck: frozenset[Permission]) -> tuple[Permission, ...]:
    """What is left. USAGE on a schema goes when all that was asked for in it is struck, CONNECT with the last one."""
    left = [item for item in permissions if item not in struck and not item.implied]
    emptied = {item.schema for item in struck} - {item.schema for item in left}
    kept = [item for item in permissions if item.implied and not (item.kind is Kind.SCHEMA and item.object in emptied)]
    return canonical((*left, *kept)) if left else ()
