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
        elif context.view is not None and (reason := access.reason("SELECT")) is not None:
            charge_owner(context, context.view, access.relation, "SELECT", reason.location)


def charge_owner(context: Context, view: Relation, table: Relation, privilege: str, place: int) -> None:
    """The policies that bind the owner of `view`, who does that with a table beneath. Which ones are for the owner is
    not known: all may be."""
    if not table.row_security or _is_above(view, table):
        return
    command = _COMMANDS[privilege]
    for policy in _known(table):
        if policy.command in ("all", command):
            for text in _texts(policy, command):
                bodies.expand_owners(context, text, table, view, f"policy {policy.name}", place)


def _is_above(view: Relation, table: Relation) -> bool:
    """Whether the policies of a table do not bind the owner of a view, as far as can be told (check_enable_rls)."""
    return view.above_policies or (view.owner != "" and view.owner == table.owner and not table.forced)


def _charge(context: Context, access: Access) -> None:
    table = access.relation
    policies = _known(table)
    context.warn(
        "row_security", f"policies decide which rows of {table.schema}.{table.name} a new login sees and writes"
    )
    for privilege, command in _COMMANDS.items():
        reason = access.reason(privilege)
        if reason is None:
            continue
        binding = [each for each in policies if each.public and each.command in ("all", command)]
        if not any(each.permissive for each in binding):
            continue  # no row can pass, so that nothing else is asked
        for policy in binding:
            _charge_policy(context, table, policy, command, reason.location)


def _charge_policy(context: Context, table: Relation, policy: Policy, command: str, place: int) -> None:
    for text in _texts(policy, command):
        bodies.expand_expression(context, text, table, f"policy {policy.name}", place)


def _known(table: Relation) -> tuple[Policy, ...]:
    if table.policies is None:
        raise RefusedError(
            "row_security", f"{table.schema}.{table.name} has row-level security whose policies are not known"
        )
    return table.policies


def _texts(policy: Policy, command: str) -> list[str]:
    """What rows are held against, each once."""
    texts = [policy.using] if command in ("select", "delete") else [policy.check or policy.using]
    if command == "update":
        texts.append(policy.using)
    return [text for text in dict.fromkeys(texts) if text is not None]
