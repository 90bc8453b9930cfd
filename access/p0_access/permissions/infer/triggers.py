"""Triggers that a write fires: their conditions and bodies run as whoever writes (trigger.c).

EXECUTE on a trigger's function was checked when the trigger was made, and is not when it fires. On a partitioned or
inherited table the triggers of what is beneath it may fire too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from p0_access.permissions.builtin import OPAQUE_EXTENSION_FUNCTIONS, SCHEMAS
from p0_access.permissions.catalog import Function, Relation, Trigger
from p0_access.permissions.infer import bodies, refusals
from p0_access.permissions.infer.context import Context, Fired, RefusedError

Timing = Literal["before", "after"]


def charge(
    context: Context,
    relation: Relation,
    event: str,
    written: frozenset[str],
    place: int,
    *,
    timing: Timing | None = None,
) -> None:
    """What the triggers for `event` need; of UPDATE only those for the columns `written`, and only those of a `timing`
    if one is given."""
    for table in (relation, *beneath(context, relation, event)):
        if table.fires is None and table.triggers:
            raise RefusedError("trigger", f"{table.schema}.{table.name} has triggers that are not known", place)
        for trigger in table.fires or ():
            if timing is not None and trigger.before != (timing == "before"):
                continue
            if event in trigger.events and (event != "update" or concerned(trigger, written)):
                _charge(context, relation, table, trigger, event, place)


def has_instead(relation: Relation, event: str) -> bool:
    """Whether a write to a view is left to a trigger."""
    return any(trigger.instead and event in trigger.events for trigger in relation.fires or ())


def concerned(trigger: Trigger, written: frozenset[str]) -> bool:
    """Whether it fires on an UPDATE of these columns."""
    return not trigger.columns or bool(written.intersection(trigger.columns))


def function(context: Context, trigger: Trigger) -> Function | None:
    """What it calls, if that is in the catalog."""
    return next(
        (each for each in context.catalog.functions_named(*trigger.function) if each.returns == "trigger"), None
    )


def alike(table: Relation, relation: Relation) -> bool:
    """Whether NEW and OLD are the same rows for a function, be it the trigger of either."""
    return [(each.name, each.type) for each in table.columns] == [(each.name, each.type) for each in relation.columns]


def _charge(context: Context, relation: Relation, table: Relation, trigger: Trigger, event: str, place: int) -> None:
    clause = f"trigger {trigger.name}"
    if trigger.when is not None:
        bodies.expand_expression(context, trigger.when, None, clause, place)
    schema, name = trigger.function
    if schema in SCHEMAS:
        return
    found = function(context, trigger)
    if found is None:
        raise RefusedError(
            "trigger", f"the function {schema}.{name} of a trigger on {table.schema}.{table.name} is not known", place
        )
    if name in OPAQUE_EXTENSION_FUNCTIONS and found.language == "c" and not found.security_definer:
        raise refusals.call(name, place)
    if table is not relation and alike(table, relation):
        table = relation  # its body is read once for all partitions
    transition = frozenset(each for each in (trigger.old_table, trigger.new_table) if each is not None)
    bodies.expand_trigger(context, found, Fired(event, table, transition), clause, place)


def beneath(context: Context, relation: Relation, event: str) -> Iterator[Relation]:
    """Partitions and children: an INSERT reaches partitions only."""
    return bodies.descendants(context, relation, partitions=event == "insert")
