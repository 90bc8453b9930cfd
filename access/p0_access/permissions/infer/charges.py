"""What a statement is charged: for each mention of a relation the privileges on it and its columns, and the rest.

Mirrors PostgreSQL's RTEPermissionInfo and ExecCheckPermissions (execMain.c). A privilege that is required while no
column is named is satisfied by any one column; DELETE and TRUNCATE are on the relation only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeVar

import msgspec

from p0_access.permissions.catalog import Column, Relation
from p0_access.permissions.permission import Kind, Permission, any_column, relation

MAX_REASONS: Final = 8
"""For one need; a column that is read a hundred times needs no hundred reasons."""

SequenceUse = Literal["setval", "nextval", "currval"]
_SEQUENCE_CHOICES: Final[dict[SequenceUse, tuple[str, ...]]] = {
    "setval": ("UPDATE",),
    "nextval": ("USAGE", "UPDATE"),
    "currval": ("SELECT", "USAGE"),
}

_SEQUENCE_COLUMNS: Final = (
    Column(name="last_value", type="bigint"),
    Column(name="log_cnt", type="bigint"),
    Column(name="is_called", type="boolean"),
)
_SEQUENCE: Final = Kind.SEQUENCE  # an enumeration's members are slow to get at
_COLUMN: Final = Kind.COLUMN
_ANY_COLUMN: Final = Kind.ANY_COLUMN
_BY_COLUMN: Final = frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"})


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A clause and the byte where it stands in the text."""

    clause: str
    location: int


class Access:
    """One mention of a relation. `known` are its columns by name, in order; `covers` the mentions beneath a
    security_invoker view, locked along with it."""

    __slots__ = ("_columns", "_required", "covers", "known", "relation")

    def __init__(self, mentioned: Relation, known: Mapping[str, Column] | None = None) -> None:
        self.relation = mentioned
        self.known = columns_by_name(mentioned) if known is None else known
        self.covers: tuple[Access, ...] = ()
        self._required: dict[str, list[Reason]] = {}
        self._columns: dict[tuple[str, str], list[Reason]] = {}

    def require(self, privilege: str, reason: Reason) -> None:
        """The privilege, on whichever columns `column` names besides."""
        reasons = self._required.get(privilege)
        if reasons is None:  # as in `_add`: there is nothing that is done as often
            self._required[privilege] = [reason]
        elif len(reasons) < MAX_REASONS and reason not in reasons:
            reasons.append(reason)

    def requires(self, privilege: str) -> bool:
        return privilege in self._required

    def reason(self, privilege: str) -> Reason | None:
        """The first reason to require a privilege; None if it is not required."""
        reasons = self._required.get(privilege)
        return reasons[0] if reasons else None

    def column(self, privilege: str, name: str, reason: Reason) -> None:
        _add(self._columns, (privilege, name), reason)

    def read(self, name: str, reason: Reason) -> None:
        """A column's value is taken: SELECT on it."""
        if "SELECT" not in self._required:
            self._required["SELECT"] = [reason]
        _add(self._columns, ("SELECT", name), reason)

    def whole(self, reason: Reason) -> None:
        """The row as a value: SELECT on every column."""
        self.require("SELECT", reason)
        for each in self.relation.columns:
            self.column("SELECT", each.name, reason)

    def weight(self) -> int:
        return 1 + len(self._columns)

    def collect(self, into: dict[Permission, list[Reason]]) -> None:
        """Adds the permissions with their reasons."""
        schema, name = self.relation.schema, self.relation.name
        if self.relation.kind == "sequence":
            for privilege, reasons in (*self._required.items(), *((p, why) for (p, _), why in self._columns.items())):
                _extend(into, Permission(_SEQUENCE, schema, name, None, privilege), reasons)
            return
        by_column = set()
        for (privilege, attribute), reasons in self._columns.items():
            by_column.add(privilege)
            _extend(into, Permission(_COLUMN, schema, name, attribute, privilege), reasons)
        for privilege, reasons in self._required.items():
            if privilege not in by_column:
                any_one = any_column if privilege in _BY_COLUMN and self.relation.columns else relation
                _extend(into, any_one(schema, name, privilege), reasons)


class FreeAccess(Access):
    """A mention of what needs no privilege: a relation of pg_catalog that PUBLIC may read."""

    __slots__ = ()

    def collect(self, into: dict[Permission, list[Reason]]) -> None:
        del into


class Charges:
    """What a statement, or one CTE of it, is charged."""

    __slots__ = ("_accesses", "_others", "_sequences")

    def __init__(self) -> None:
        self._accesses: list[Access] = []
        self._others: dict[Permission, list[Reason]] = {}
        self._sequences: dict[tuple[str, str], dict[SequenceUse, list[Reason]]] = {}

    def mention(self, access: Access) -> None:
        self._accesses.append(access)

    def mentions(self) -> tuple[Access, ...]:
        return tuple(self._accesses)

    def need(self, permission: Permission, reason: Reason) -> None:
        _add(self._others, permission, reason)

    def draw(self, schema: str, name: str, use: SequenceUse, reason: Reason) -> None:
        """A sequence's value is taken, looked at or set."""
        _add(self._sequences.setdefault((schema, name), {}), use, reason)

    def weight(self) -> int:
        """How many things there are to collect, those counted twice that several mentions need."""
        return len(self._others) + sum(each.weight() for each in self._accesses)

    def forget_sequences(self) -> None:
        """What EXPLAIN without ANALYZE does not run, it does not check."""
        self._sequences.clear()

    def absorb_at(self, other: Charges, reason: Reason) -> None:
        """What a body costs, for the place that uses it."""
        for permission in other.collect(sequences=False):
            self.need(permission, reason)
        for (schema, name), uses in other._sequences.items():
            for use in uses:
                self.draw(schema, name, use, reason)

    def absorb(self, other: Charges) -> None:
        self._accesses += other._accesses
        for permission, reasons in other._others.items():
            for reason in reasons:
                self.need(permission, reason)
        for (schema, name), uses in other._sequences.items():
            for use, reasons in uses.items():
                for reason in reasons:
                    self.draw(schema, name, use, reason)

    def collect(self, *, sequences: bool = True) -> dict[Permission, list[Reason]]:
        """Every permission with its reasons, without those that another one satisfies. The lists are not copies."""
        found = self._others.copy()
        for access in self._accesses:
            access.collect(found)
        for (schema, name), uses in self._sequences.items() if sequences else ():
            _draw(found, schema, name, uses)
        return _least(found)


def columns_by_name(relation: Relation) -> dict[str, Column]:
    columns = _SEQUENCE_COLUMNS if relation.kind == "sequence" else relation.columns
    return {each.name: each for each in columns}


def _draw(found: dict[Permission, list[Reason]], schema: str, name: str, uses: dict[SequenceUse, list[Reason]]) -> None:
    """The fewest privileges for all uses of one sequence: setval needs UPDATE, nextval USAGE or UPDATE, currval USAGE
    or SELECT."""
    held = {
        item.privilege for item in found if item.kind is Kind.SEQUENCE and (item.schema, item.object) == (schema, name)
    }
    for use, choices in _SEQUENCE_CHOICES.items():
        if use in uses:
            privilege = next((each for each in choices if each in held), choices[0])
            held.add(privilege)
            _extend(found, Permission(Kind.SEQUENCE, schema, name, None, privilege), uses[use])


def _least(found: dict[Permission, list[Reason]]) -> dict[Permission, list[Reason]]:
    """Without `any_column` where a column of the relation is needed with the same privilege anyway."""
    of_any = [each for each in found if each.kind is _ANY_COLUMN]
    if not of_any:
        return found
    columns = {(item.schema, item.object, item.privilege): item for item in found if item.kind is Kind.COLUMN}
    for item in of_any:
        if same := columns.get((item.schema, item.object, item.privilege)):
            _extend(found, same, found.pop(item))
    return found


def _extend(into: dict[Permission, list[Reason]], permission: Permission, reasons: list[Reason]) -> None:
    known = into.setdefault(permission, reasons)
    if known is not reasons:
        more = [reason for reason in reasons if reason not in known]
        into[permission] = [*known, *more[: MAX_REASONS - len(known)]]


Key = TypeVar("Key")


def _add(into: dict[Key, list[Reason]], key: Key, reason: Reason) -> None:
    reasons = into.get(key)
    if reasons is None:
        into[key] = [reason]
    elif len(reasons) < MAX_REASONS and reason not in reasons:
        reasons.append(reason)
