"""A statement as PostgreSQL can be asked about it: what the child that parses hands to the process that asks."""

from __future__ import annotations

import msgspec

Name = tuple[str | None, str]
"""A schema, if one is written, and a name."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One statement. `analysed` is what PostgreSQL is given, `command` what it must then say that it is, `types` are
    declared for its parameters; without it, the statement is a utility that runs no query.

    `runs` is false where the query is only explained. `beside` is SQL that the analysis doesn't see. `relations` and
    `routines` are named by a utility statement. `opaque`: it holds a query that could not be cut out.
    """

    analysed: str | None = None
    command: str = ""
    types: tuple[str, ...] = ()
    runs: bool = True
    beside: str = ""
    relations: tuple[Name, ...] = ()
    routines: tuple[Name, ...] = ()
    opaque: bool = False
