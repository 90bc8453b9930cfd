"""Event triggers, which run as whoever makes, changes or drops a relation, be it a temporary one (event_trigger.c).

As with other triggers EXECUTE on the function is not checked when it fires. One that cannot be read is no reason to
refuse: it can do nothing that the login may not do, and the rules are told.
"""

from __future__ import annotations

from typing import Final

from p0_access.permissions.catalog import EventTrigger
from p0_access.permissions.infer import bodies
from p0_access.permissions.infer.context import Context, RefusedError

_MAKING: Final = ("CREATE ", "ALTER ", "DROP", "SELECT INTO", "REFRESH ", "REINDEX")


def charge(context: Context, command: str) -> None:
    """What the event triggers of one command need, which was read."""
    if context.catalog.event_triggers and command.startswith(_MAKING):
        for each in context.catalog.event_triggers:
            if _fires(each, command):
                _charge(context, each)


def _fires(trigger: EventTrigger, command: str) -> bool:
    """A DROP is of one kind or another, which is not told."""
    if trigger.event == "table_rewrite":
        return command == "ALTER TABLE"
    if trigger.event == "sql_drop" and not command.startswith(("DROP", "ALTER ")):
        return False
    if command == "DROP":
        return not trigger.tags or any(each.startswith("DROP ") for each in trigger.tags)
    return not trigger.tags or command in trigger.tags


def _charge(context: Context, trigger: EventTrigger) -> None:
    schema, name = trigger.function
    named = context.catalog.functions_named(schema, name)
    found = next((each for each in named if each.returns == "event_trigger"), None)
    try:
        if found is None:
            raise RefusedError("function_body", "it is in none of the schemas that are managed")
        bodies.expand_function(context, found, f"event trigger {trigger.name}", -1)
    except RefusedError as error:
        context.warn(
            "reach_unknown", f"what the event trigger {trigger.name} ({schema}.{name}) needs is not known: {error}"
        )
