"""Functions that PostgreSQL calls for statements that do not name them: whoever sorts, groups, compares or indexes runs
those of the type's operator class, and the planner turns operators around (typcache.c, clauses.c).

Which statement does so is known only to the planner, so that each pays for all of them; only superusers make operator
classes, and hardly any does more than compute. EXECUTE on them is not checked. One that cannot be read is no reason to
refuse everything: it can do nothing that the login may not do.
"""

from __future__ import annotations

from typing import Final

from p0_access.permissions.infer import bodies
from p0_access.permissions.infer.context import Context, RefusedError

_COMPUTES_NOTHING: Final = frozenset({"TransactionStmt", "VariableSetStmt", "VariableShowStmt"})


def charge(context: Context, kind: str) -> None:
    """What they need, of one statement of that kind, which was read."""
    if kind in _COMPUTES_NOTHING:
        return
    for schema, name, identity in context.catalog.support:
        named = context.catalog.functions_named(schema, name)
        found = next((each for each in named if each.identity == identity), None)
        try:
            if found is None:
                raise RefusedError("function_body", "it is not in the catalog")
            context.spend(1)
            bodies.expand_function(context, found, "operator class", -1)
        except RefusedError as error:
            context.warn("reach_unknown", f"what {schema}.{name}({identity}) does for operators is not known: {error}")
