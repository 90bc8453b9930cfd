"""Two readings of one statement into one: PostgreSQL's counts, the kernel's adds what no tree shows.

A need that the kernel alone has is kept only if it can come from what runs unseen: its name must stand in the body of
a function, in a trigger, check, default or index, or in SQL that was not analysed. Otherwise the kernel is wrong, as it
is where it lacks what PostgreSQL will check. Either way the set is PostgreSQL's and the difference is our defect.

Where the kernel could not make out a name, PostgreSQL's reading stands alone, if it shows all that the statement does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from p0_access.permissions.builtin import OPAQUE_FUNCTIONS, SCHEMAS
from p0_access.permissions.catalog import Catalog, Operator
from p0_access.permissions.permission import Kind, Permission, canonical, connect, usage
from p0_access.permissions.reading import Refused, StatementReading
from p0_agent.reading import required
from p0_agent.reading.names import Names
from p0_agent.reading.objects import Beneath
from p0_agent.reading.piece import Piece
from p0_agent.reading.tree import Tree

SECOND_GUESSED: Final = frozenset(
    {"ambiguous_column", "ambiguous_function", "ambiguous_operator", "ambiguous_table", "row_security", "rule"}
    | {"unknown_column", "unknown_constraint", "unknown_function", "unknown_operator", "unknown_table", "unknown_type"}
    | {"unsupported_expression", "view_definition", "view_write"}
)
"""Refusals by which the kernel says no more than that it could not tell; PostgreSQL may."""

_SHOWN: Final = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN, Kind.SEQUENCE, Kind.FUNCTION})


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What PostgreSQL and its catalog show of a statement."""

    tree: Tree
    names: Names
    beneath: Beneath


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """`lacking` and `surplus` are the kernel's errors: what only PostgreSQL found, and what nothing accounts for."""

    permissions: tuple[Permission, ...]
    reached: tuple[Permission, ...]
    lacking: tuple[Permission, ...] = ()
    surplus: tuple[Permission, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.lacking or self.surplus)


def merge(reading: StatementReading, piece: Piece, shown: Shown, operators: Sequence[Operator] = ()) -> Merged:
    """Of a statement that both understood. `operators` are the catalog's."""
    theirs = required.charged(shown.tree, shown.names, runs=piece.runs)
    ours = [each for each in reading.permissions if each.kind in _SHOWN]
    lacking = _without(theirs, ours)
    alone = _without(ours, theirs)
    unseen = [each for each in alone if _may_come_unseen(each, shown, operators)]
    others = [each for each in reading.permissions if each.kind not in _SHOWN]
    return Merged(
        permissions=required.least((*theirs, *unseen, *others, *map(usage, _schemas(lacking)))),
        reached=canonical((*reading.reached, *required.reached(shown.tree, shown.names))),
        lacking=tuple(lacking),
        surplus=tuple(each for each in alone if each not in unseen),
    )


def stand_in(refused: Refused, piece: Piece, shown: Shown, catalog: Catalog) -> Merged | None:
    """PostgreSQL's reading alone, of a statement that the kernel refused; None if it is not enough."""
    if refused.code not in SECOND_GUESSED or piece.beside or not _shows_all(shown):
        return None
    if shown.tree.empty:  # what is looked up all the same, nobody tells
        return None
    theirs = required.charged(shown.tree, shown.names, runs=piece.runs)
    called = [each.schema for each in required.functions(shown.tree, shown.names) if not each.system]
    schemas = {*_schemas(theirs), *called, *_type_schemas(shown)}
    if not schemas <= set(catalog.schemas):
        return None
    return Merged(
        permissions=required.least((*theirs, connect(catalog.database), *map(usage, schemas))),
        reached=required.reached(shown.tree, shown.names),
        lacking=theirs,
    )


def _type_schemas(shown: Shown) -> set[str]:
    return {shown.names.types[each] for each in shown.tree.types if each in shown.names.types} - SCHEMAS


def _shows_all(shown: Shown) -> bool:
    opaque = any(
        each.system and (each.name in OPAQUE_FUNCTIONS or not each.public)
        for each in required.functions(shown.tree, shown.names)
    )
    return not (shown.beneath.runs_unseen or shown.tree.blind_draws or opaque)


def _without(some: Iterable[Permission], others: Iterable[Permission]) -> list[Permission]:
    """Those of `some` that `others` do not hold. A privilege on any one column is held by whoever has one."""
    held = set(others)
    somehow = {(each.schema, each.object, each.privilege) for each in held}
    return [
        each
        for each in some
        if each not in held
        and not (each.kind is Kind.ANY_COLUMN and (each.schema, each.object, each.privilege) in somehow)
    ]


def _may_come_unseen(permission: Permission, shown: Shown, operators: Sequence[Operator]) -> bool:
    """By its own name, or, of a function, by that of an operator."""
    if permission.kind is Kind.SEQUENCE and shown.tree.blind_draws:
        return True
    name = permission.object or ""
    if permission.kind is not Kind.FUNCTION:
        return shown.beneath.mentions(name)
    called = permission.schema, name.partition("(")[0]
    return shown.beneath.mentions(called[1]) or any(
        each.function == called and shown.beneath.mentions(each.name) for each in operators
    )


def _schemas(permissions: Iterable[Permission]) -> set[str]:
    return {each.schema for each in permissions if each.schema is not None}
