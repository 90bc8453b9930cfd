"""Row-level security: the tables and functions of policies are charged to whoever the policies bind (rowsecurity.c).

A new login is no member of the roles that policies name, so only those for PUBLIC bind it; where there are none, it
sees no rows and needs nothing more. The columns of the table itself are free to its policies.
"""

from __future__ import annotations

from typing import Final

from p0_access.permissions.catalog import Policy, Relation
from p0_access.permissions.infer import bodies
from p0_access.permissions.infer.charges import Access
from p0_access.permissions.infer.context import Context, RefusedError

_COMMANDS: Final = {"SELECT": "select", "INSERT": "insert", "UPDATE": "update", "DELETE": "delete"}


def charge_all(context: Context) -> None:
    """For every mention that is charged to the caller, the policies of what is done with it; of what a view's owner
    reads, those that bind the owner, of which only the functions run as the caller."""
    for access in context.charges.mentions():
        if not access.relation.row_security:
            continue
        if not context.as_owner:
            _charge(context, access)
        elif context.view is not None and not _is_above(context.view, access.relation):
            _charge_owner(context, access)


def _is_above(view: Relation, table: Relation) -> bool:
    """Whether the policies of a table do not bind the owner of a view, as far as can be told (check_enable_rls)."""
    return view.above_policies or (view.owner != "" and view.owner == table.owner and not table.forced)


def _charge_owner(context: Context, access: Access) -> None:
    """Which policies are for the owner is not known: all may be."""
    table, reason = access.relation, access.reason("SELECT")
    if reason is None:
        return
    if table.policies is None:
        raise RefusedError(
            "row_security", f"{table.schema}.{table.name} has row-level security whose policies are not known"
        )
    for policy in table.policies:
        if policy.command in ("all", "select") and policy.using is not None:
            bodies.expand_owners(context, policy.using, table, f"policy {policy.name}", reason.location)


def _charge(context: Context, access: Access) -> None:
    table = access.relation
    if table.policies is None:
        raise RefusedError(
            "row_security", f"{table.schema}.{table.name} has row-level security whose policies are not known"
        )
    context.warn(
        "row_security", f"policies decide which rows of {table.schema}.{table.name} a new login sees and writes"
    )
    for privilege, command in _COMMANDS.items():
        reason = access.reason(privilege)
        if reason is None:
            continue
        binding = [each for each in table.policies if each.public and each.command in ("all", command)]
        if not any(each.permissive for each in binding):
            continue  # no row can pass, so that nothing else is asked
        for policy in binding:
            _charge_policy(context, table, policy, command, reason.location)


def _charge_policy(context: Context, table: Relation, policy: Policy, command: str, place: int) -> None:
    clause = f"policy {policy.name}"
    texts = [policy.using] if command in ("select", "delete") else [policy.check or policy.using]
    if command == "update":
        texts.append(policy.using)
    for text in dict.fromkeys(texts):
        if text is not None:
            bodies.expand_expression(context, text, table, clause, place)
