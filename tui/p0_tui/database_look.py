"""How a database is told from another at a glance: a colour of its own, and for production a mark in words, too."""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

_PRODUCTION: Final = frozenset({"prod", "production", "prd", "live"})
_STYLES: Final = (
    "bold $text-primary",
    "bold $text-secondary",
    "bold $text-accent",
    "bold $text-success",
)


class Look(NamedTuple):
    """`mark` stands before the name; the style is ours."""

    style: str
    mark: str
    production: bool


def look_of(database: str) -> Look:
    """The same for the same name, everywhere. A name with a word for production in it is production."""
    words = set(re.split(r"[^a-z]+", database.casefold()))
    if words & _PRODUCTION:
        return Look("bold reverse $text-error", "▲PROD ", production=True)
    return Look(_STYLES[zlib.crc32(database.encode()) % len(_STYLES)], "", production=False)
