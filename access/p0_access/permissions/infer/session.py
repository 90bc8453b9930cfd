"""What a session keeps between statements: prepared statements, cursors, transactions, settings.

PREPARE checks no privilege but USAGE on schemas; EXECUTE does. DECLARE does; FETCH does not.
"""

from __future__ import annotations

from typing import Final

from p0_access.permissions.infer import expressions, statements
from p0_access.permissions.infer.charges import Charges
from p0_access.permissions.infer.context import TEMPORARY, Context, RefusedError
from p0_access.permissions.infer.scope import Level
from p0_access.permissions.infer.tree import opened
from p0_access.permissions.parse import Node

_TRANSACTION: Final = {
    "TRANS_STMT_BEGIN": "BEGIN",
    "TRANS_STMT_START": "BEGIN",
    "TRANS_STMT_COMMIT": "COMMIT",
    "TRANS_STMT_ROLLBACK": "ROLLBACK",
    "TRANS_STMT_SAVEPOINT": "SAVEPOINT",
    "TRANS_STMT_RELEASE": "RELEASE",
    "TRANS_STMT_ROLLBACK_TO": "ROLLBACK",
}


def read_prepare(context: Context, node: Node) -> str:
    with context.charging(Charges()):
        kind, query = opened(node["query"])
        statements.read_statement(context, kind, query)
    context.writes = False
    context.reached.clear()
    context.session.prepared[node["name"]] = node["query"]
    return "PREPARE"


def read_execute(context: Context, node: Node) -> str:
    query = context.session.prepared.get(node["name"])
    if query is None:
        raise RefusedError(
            "unknown_prepared_statement",
            f'no statement "{node["name"]}" is prepared in this text',
            hint="PREPARE and EXECUTE must stand in one text.",
        )
    level = Level(None)
    level.clause = "execute"
    expressions.read_all(context, level, node.get("params", ()))
    kind, members = opened(query)
    statements.read_statement(context, kind, members)
    return "EXECUTE"


def read_deallocate(context: Context, node: Node) -> str:
    if "name" in node:
        context.session.prepared.pop(node["name"], None)
    else:
        context.session.prepared.clear()
    return "DEALLOCATE"


def read_declare(context: Context, node: Node) -> str:
    kind, query = opened(node["query"])
    statements.read_statement(context, kind, query)
    context.session.cursors.add(node["portalname"])
    return "DECLARE CURSOR"


def read_fetch(context: Context, node: Node) -> str:
    _check_cursor(context, node["portalname"])
    return "MOVE" if node.get("ismove") else "FETCH"


def read_close(context: Context, node: Node) -> str:
    if "portalname" in node:
        _check_cursor(context, node["portalname"])
    return "CLOSE"


def _check_cursor(context: Context, name: str) -> None:
    if name not in context.session.cursors:
        raise RefusedError(
            "unknown_cursor",
            f'no cursor "{name}" is declared in this text',
            hint="DECLARE and FETCH must stand in one text.",
        )


def read_transaction(context: Context, node: Node) -> str:
    del context
    command = _TRANSACTION.get(node["kind"])
    if command is None:
        raise RefusedError(
            "unsupported_statement",
            "prepared transactions outlive the access",
            hint="COMMIT within the session.",
        )
    return command


def read_constraints(context: Context, node: Node) -> str:
    """SET CONSTRAINTS: nothing but USAGE on the schemas that it names."""
    for each in node.get("constraints", ()):
        table = each["RangeVar"]
        if "schemaname" in table:
            context.name_schema(table["schemaname"], "set constraints", table.get("location", 0))
    return "SET CONSTRAINTS"


def read_discard(context: Context, node: Node) -> str:
    if node.get("target") in (None, "DISCARD_ALL"):
        context.session.prepared.clear()
        context.session.cursors.clear()
    if node.get("target") in (None, "DISCARD_ALL", "DISCARD_TEMP"):
        for name in [each.name for each in context.session.made.values() if each.schema == TEMPORARY]:
            del context.session.made[name]
            context.session.views.pop(name, None)
    return "DISCARD"


def read_listen(context: Context, node: Node) -> str:
    del context, node
    return "LISTEN"


def read_unlisten(context: Context, node: Node) -> str:
    del context, node
    return "UNLISTEN"


def read_notify(context: Context, node: Node) -> str:
    del context, node
    return "NOTIFY"
