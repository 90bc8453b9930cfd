"""What foreign keys do to the rows that refer to those that a statement deletes or updates (ri_triggers.c).

ON DELETE and ON UPDATE run as the owner of the referencing table, with its rules, defaults, checks and triggers, and
go on from there: nothing of it is charged to the caller, all of it is reached. The rows are found by the columns of the
key, which is not counted as reading. Before PostgreSQL 18 triggers that fire AFTER the row run as whoever runs the
statement, and are the caller's to pay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import bodies, foreign_keys, rules, stored, trigger_rows, triggers
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context
from p0_access.permissions.infer.foreign_keys import Event
from p0_access.permissions.permission import column
from p0_access.permissions.permission import relation as on_relation

AS_QUEUED_SINCE: Final = 18
"""AFTER triggers run as who caused them, and not as who runs when it is their turn."""
_MAX_NAMED: Final = 8
"""Tables that a warning names."""


class Change(NamedTuple):
    """Rows of `table` are deleted, or `columns` of them updated (of those of the statement: may be updated)."""

    table: Relation
    event: Event
    columns: frozenset[str]
    to_default: bool = False


def charge(context: Context, relation: Relation, event: Event, written: frozenset[str], place: int) -> None:
    """What follows, by foreign keys, from deleting rows of `relation` or updating the columns `written`."""
    found = list(_following(context, Change(relation, event, written), place))
    if not found:
        return
    context.warn("cascade", _said(relation, found))
    for change in found:
        _reach(context, change)
        if context.catalog.server_version < AS_QUEUED_SINCE:
            triggers.charge(context, change.table, change.event, change.columns, place, timing="after")


def _following(context: Context, origin: Change, place: int) -> Iterator[Change]:
    seen: set[tuple[str, str, Event, frozenset[str]]] = set()
    queue = [origin]
    while queue:
        current = queue.pop()
        beneath = foreign_keys.descendants(context, current.table)
        whole = current is origin or current.table.kind == "partitioned"
        for table in (current.table, *(beneath if whole else ())):
            acting = foreign_keys.actions(context, table, current.event)
            changed = _changed(context, table, current.columns) if acting and current.event == "update" else frozenset()
            for action in acting:
                context.spend(20, place)
                if current.event == "update" and changed.isdisjoint(action.watched):
                    continue
                event: Event = "update" if action.columns else "delete"
                key = (action.table.schema, action.table.name, event, frozenset(action.columns))
                if key not in seen:
                    seen.add(key)
                    queue.append(Change(action.table, event, frozenset(action.columns), action.does == "default"))
                    yield queue[-1]


def _changed(context: Context, table: Relation, written: frozenset[str]) -> frozenset[str]:
    """The columns that an UPDATE of those `written` may change: also generated ones, and what triggers set in NEW."""
    found = set(written)
    for trigger in table.fires or ():
        if trigger.before and "update" in trigger.events and triggers.concerned(trigger, written):
            called = triggers.function(context, trigger)
            named = trigger_rows.set_in_new(called.body if called is not None else None)
            found |= {each.name for each in table.columns if named is None or each.name in named}
    found |= {
        each.name
        for each in table.columns
        if each.generated and each.default is not None and any(name in each.default for name in found)
    }
    return frozenset(found)


def _reach(context: Context, change: Change) -> None:
    """What the owner of the referencing table is charged."""
    table, event = change.table, change.event
    columns = " ".join((*sorted(change.columns), "default" if change.to_default else ""))
    label = f"foreign keys on {event} {table.schema}.{table.name} {columns}"
    bodies.reach_owners(
        context, label, f"the foreign key of {table.schema}.{table.name}", lambda inner: _run(inner, change)
    )


def _run(context: Context, change: Change) -> None:
    table, event = change.table, change.event
    timing: triggers.Timing | None = "before" if context.catalog.server_version < AS_QUEUED_SINCE else None
    try:
        if table.rules and rules.apply(context, table, event.upper(), -1):
            return
    except rules.DoesNothingError:
        return
    context.writes = True
    needed = [column(table.schema, table.name, each, "UPDATE") for each in sorted(change.columns)]
    for each in needed or [on_relation(table.schema, table.name, "DELETE")]:
        context.charges.need(each, Reason("foreign key", -1))
    if event == "delete":
        triggers.charge(context, table, event, frozenset(), -1, timing=timing)
    else:
        columns = set(change.columns)
        stored.charge_changed_row(context, table, columns, columns if change.to_default else set(), -1, timing=timing)


def _said(origin: Relation, found: list[Change]) -> str:
    names = dict.fromkeys(f"{each.table.schema}.{each.table.name}" for each in found)
    listed = ", ".join(list(names)[:_MAX_NAMED])
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"foreign keys to {origin.schema}.{origin.name} change {listed}{more}, with the rights of who owns them"
