"""Statements by kind: which are understood, and by what (utility.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from p0_access.permissions.infer import (
    copy,
    dml,
    event_triggers,
    maintenance,
    making,
    merge,
    policies,
    refusals,
    select,
    session,
    settings,
    utility,
)
from p0_access.permissions.infer.context import Context
from p0_access.permissions.parse import Node


def read_statement(context: Context, kind: str, node: Node) -> str:
    """Charges one statement to `context`; the name of its command."""
    reader = _READERS.get(kind)
    if reader is None:
        raise refusals.statement(kind)
    command = reader(context, node)
    event_triggers.charge(context, command)
    policies.charge_all(context)
    return command


def _select(context: Context, node: Node) -> str:
    _, columns = select.read_select(context, None, node)
    into = making.into_clause(node)
    if into is None:
        return "SELECT"
    making.read_into(context, into, columns)
    return "SELECT INTO"


def _insert(context: Context, node: Node) -> str:
    dml.read_modifying(context, None, "InsertStmt", node)
    return "INSERT"


def _update(context: Context, node: Node) -> str:
    dml.read_modifying(context, None, "UpdateStmt", node)
    return "UPDATE"


def _delete(context: Context, node: Node) -> str:
    dml.read_modifying(context, None, "DeleteStmt", node)
    return "DELETE"


def _merge(context: Context, node: Node) -> str:
    merge.read_merge(context, None, node)
    return "MERGE"


_READERS: Final[dict[str, Callable[[Context, Node], str]]] = {
    "SelectStmt": _select,
    "InsertStmt": _insert,
    "UpdateStmt": _update,
    "DeleteStmt": _delete,
    "MergeStmt": _merge,
    "CopyStmt": copy.read_copy,
    "ExplainStmt": utility.read_explain,
    "TruncateStmt": utility.read_truncate,
    "LockStmt": utility.read_lock,
    "CallStmt": utility.read_call,
    "PrepareStmt": session.read_prepare,
    "ExecuteStmt": session.read_execute,
    "DeallocateStmt": session.read_deallocate,
    "DeclareCursorStmt": session.read_declare,
    "FetchStmt": session.read_fetch,
    "ClosePortalStmt": session.read_close,
    "TransactionStmt": session.read_transaction,
    "VariableSetStmt": settings.read_set,
    "VariableShowStmt": settings.read_show,
    "ConstraintsSetStmt": session.read_constraints,
    "DiscardStmt": session.read_discard,
    "ListenStmt": session.read_listen,
    "UnlistenStmt": session.read_unlisten,
    "NotifyStmt": session.read_notify,
    **making.READERS,
    **maintenance.READERS,
}
