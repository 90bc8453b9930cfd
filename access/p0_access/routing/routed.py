"""From a question's permissions to the rule for each: steps 1 to 4 of `decide`.

Nothing here says what a rule's verdict means for the request.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from p0_access.permissions.permission import Kind, Permission, connect
from p0_access.routing.decision import Question
from p0_access.routing.matching import RELATION_LIKE
from p0_access.routing.selection import Selection


class Ruled(msgspec.Struct, frozen=True, kw_only=True):
    """A permission, or `columns` of one, and the position of the rule that decides it; None where no rule covers it."""

    permission: Permission
    columns: tuple[str, ...]
    rule: int | None
    reached: bool


class Undecidable(msgspec.Struct, frozen=True, kw_only=True):
    """A permission that no rule is held against, and why: it is denied."""

    permission: Permission
    problem: str
    reached: bool


class Implied(msgspec.Struct, frozen=True, kw_only=True):
    """A permission that has the verdict of others; `follows` names them."""

    permission: Permission
    follows: str


Routed = Ruled | Undecidable | Implied


def carried(question: Question) -> tuple[Permission, ...]:
    """The granted permissions that are routed: all but the implied ones, or CONNECT where there are no others."""
    found = tuple(item for item in question.granted if not _is_implied(item, question))
    return found or (connect(question.database),)


def route_granted(question: Question, selection: Selection, routed: tuple[Permission, ...]) -> Iterator[Routed]:
    """A verdict for everything that is granted; `routed` are the `carried` of it."""
    inserted = {(item.schema or "", item.object or "") for item in routed if _inserts(item)}
    for permission in routed:
        owner = _owner(permission, question, inserted)
        if owner is None:
            yield from _route(permission, question, selection, reached=False)
        else:
            yield Implied(permission=permission, follows=f"INSERT on {'.'.join(owner)}")
    if routed != question.granted:
        own = set(routed)
        for permission in question.granted:
            if permission not in own:
                yield Implied(permission=permission, follows="what it carries")


def route_reached(question: Question, selection: Selection) -> Iterator[Routed]:
    """A verdict for what is reached, where a denial or a tag has one."""
    for permission in question.reached:
        if not permission.implied:
            yield from _route(permission, question, selection, reached=True)


def _route(permission: Permission, question: Question, selection: Selection, *, reached: bool) -> Iterator[Routed]:
    if permission.kind is Kind.DATABASE and permission.object != question.database:
        problem = f"the request is for {question.database}"
        yield Undecidable(permission=permission, problem=problem, reached=reached)
        return
    columns = _columns(permission, question)
    if columns is None:
        if selection.depends_on_columns(permission, reached=reached):
            yield Undecidable(permission=permission, problem="its columns are not known", reached=reached)
            return
        columns = (None,)
    by_rule: dict[int | None, list[str]] = {}
    for column in columns:
        names = by_rule.setdefault(selection.first(permission, column, reached=reached), [])
        if column is not None:
            names.append(column)
    for rule, names in by_rule.items():
        if rule is not None or not reached:
            yield Ruled(permission=permission, columns=tuple(names), rule=rule, reached=reached)


def _columns(permission: Permission, question: Question) -> tuple[str | None, ...] | None:
    """The columns that `permission` is on; (None,) for what has none, None where they are not known.

    One on the whole relation is on all of them, and so is an `any_column` that nobody settled.
    """
    if permission.kind is Kind.COLUMN:
        return (permission.column,)
    if permission.kind not in RELATION_LIKE:
        return (None,)
    columns = question.columns.get((permission.schema or "", permission.object or ""))
    return columns if columns is None else columns or (None,)


def _is_implied(permission: Permission, question: Question) -> bool:
    """CONNECT is implied for the database that is asked for, and for no other."""
    return permission.implied and (permission.kind is not Kind.DATABASE or permission.object == question.database)


def _inserts(permission: Permission) -> bool:
    return permission.kind in RELATION_LIKE and permission.privilege == "INSERT"


def _owner(permission: Permission, question: Question, inserted: set[tuple[str, str]]) -> tuple[str, str] | None:
    """For USAGE on a sequence, the relation of this request that is inserted into and takes its default from it."""
    if permission.kind is not Kind.SEQUENCE or permission.privilege != "USAGE":
        return None
    owners = question.sequence_owners.get((permission.schema or "", permission.object or ""), ())
    return next((owner for owner in owners if owner in inserted), None)
