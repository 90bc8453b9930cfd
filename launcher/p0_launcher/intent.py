"""What somebody wants to do, before it is signed."""

from __future__ import annotations

import msgspec

from p0_access.messages.records import What


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """`ttl` in seconds; `one_shot` None means: if it is SQL that writes; `files` tells which statements came from
    files, for running them later. `extends` is the hash of the request whose access shall last longer."""

    database: str
    what: What
    reason: str
    ttl: int | None = None
    one_shot: bool | None = None
    files: tuple[bool, ...] = ()
    break_glass: bool = False
    extends: str | None = None
