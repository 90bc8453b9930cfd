"""A statement as PostgreSQL can be asked about it: what the child that parses hands to the process that asks."""

from __future__ import annotations

import msgspec

Name = tuple[str | None, str]
"""A schema, if one is written, and a name."""


class MadeColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a temporary table, its type as it is written: the parts of its name."""

    name: str
    type: tuple[str, ...]
    array: bool = False


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A temporary table that a statement makes. Without columns they are those of the query that it analyses."""

    name: str
    columns: tuple[MadeColumn, ...] | None = None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One statement. `analysed` is what PostgreSQL is given, `command` what it must then say that it is, `types` are
    declared for its parameters; without it, the statement is a utility that runs no query.

    `runs` is false where the query is only explained, `plans` where it is not even planned, so that nothing is checked.
    `beside` is SQL that the analysis doesn't see. `relations` and `routines` are named by a utility statement.
    `opaque`: it holds a query that could not be cut out. `makes` is the temporary table that is there afterwards,
    `drops` those that are not.
    """

    analysed: str | None = None
    command: str = ""
    types: tuple[str, ...] = ()
    runs: bool = True
    plans: bool = True
    beside: str = ""
    relations: tuple[Name, ...] = ()
    routines: tuple[Name, ...] = ()
    opaque: bool = False
    makes: Made | None = None
    drops: tuple[str, ...] = ()
