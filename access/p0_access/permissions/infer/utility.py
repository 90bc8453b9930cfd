"""EXPLAIN, TRUNCATE, LOCK and CALL."""

from __future__ import annotations

from typing import Final

from p0_access.permissions.builtin import SCHEMAS
from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import bodies, foreign_keys, functions, making, names, statements, triggers
from p0_access.permissions.infer.charges import Access, Charges, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Level
from p0_access.permissions.infer.tree import opened
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import relation

_FALSE: Final = frozenset({"off", "false", "no", "0", "f", "n"})

_LESS_IS_ENOUGH: Final = 16
"""Since this version, what allows a lock allows all weaker ones."""

ACCESS_SHARE: Final = 1
ROW_EXCLUSIVE: Final = 3


def read_explain(context: Context, node: Node) -> str:
    """Without ANALYZE nothing runs: privileges on tables are checked all the same, those on sequences are not."""
    analyze = False
    for _, option in map(opened, node.get("options", ())):
        if option["defname"].lower() == "analyze":
            analyze = _is_true(option.get("arg"))
    kind, query = opened(node["query"])
    if not analyze:
        kind, query = _planned(kind, query)
    with context.charging(Charges()) as charges:
        statements.read_statement(context, kind, query)
    if not analyze:
        charges.forget_sequences()
        context.writes = False
    context.charges.absorb(charges)
    return "EXPLAIN"


def _planned(kind: str, node: Node) -> tuple[str, Node]:
    """The query behind a statement that would make a table, and does not if it is only explained."""
    if kind == "CreateTableAsStmt":
        return opened(node["query"])
    return kind, making.without_into(node) if kind == "SelectStmt" else node


def _is_true(argument: Node | None) -> bool:
    if argument is None:
        return True
    _, members = opened(argument)
    text = str(members.get("sval", members.get("ival", members.get("boolval", 0)))).lower()
    return text not in _FALSE


def read_truncate(context: Context, node: Node) -> str:
    """TRUNCATE on each table, and with CASCADE on all that refer to it."""
    context.writes = True
    for each in node["relations"]:
        table = each["RangeVar"]
        place = table.get("location", 0)
        found = names.relation(context, table, "truncate")
        cascade = node.get("behavior") == "DROP_CASCADE"
        for one in foreign_keys.with_referencing(context, found) if cascade else (found,):
            if one.schema in SCHEMAS or one.kind not in ("table", "partitioned", "foreign"):
                raise RefusedError("unsupported_statement", f"TRUNCATE of a {one.kind}", place)
            if node.get("restart_seqs") and _owns_sequences(one) and not names.made_here(context, one):
                raise RefusedError(
                    "unsupported_statement",
                    "RESTART IDENTITY needs the sequence's owner",
                    place,
                    "Leave it out, or ask for a role.",
                )
            triggers.charge(context, one, "truncate", frozenset(), place)
            mention = names.access(context, one, place)
            mention.require("TRUNCATE", Reason("truncate" if one is found else "truncate cascade", place))
    return "TRUNCATE"


def _owns_sequences(table: Relation) -> bool:
    """Whether a sequence belongs to one of its columns, as far as the catalog tells."""
    return bool(table.serials) or any(each.identity for each in table.columns)


def read_lock(context: Context, node: Node) -> str:
    """LOCK is content with one of several privileges on the table; this asks for the one that allows the least."""
    context.writes = True
    mode = node.get("mode", 0)
    for each in node["relations"]:
        table = each["RangeVar"]
        place = table.get("location", 0)
        found = names.relation(context, table, "lock")
        if found.kind not in ("table", "partitioned", "view"):
            raise RefusedError("unsupported_statement", f"LOCK of a {found.kind}", place)
        if mode <= ACCESS_SHARE:
            privilege = "SELECT"
        elif mode == ROW_EXCLUSIVE or (mode < ROW_EXCLUSIVE and context.catalog.server_version >= _LESS_IS_ENOUGH):
            privilege = "INSERT"
        else:
            privilege = "UPDATE"
        for one in (found, *_locked_beneath(context, found, place)):
            if not names.made_here(context, one) and one.schema not in SCHEMAS:
                context.charges.need(relation(one.schema, one.name, privilege), Reason("lock", place))
    return "LOCK"


def _locked_beneath(context: Context, view: Relation, place: int) -> tuple[Relation, ...]:
    """What the caller must be allowed to lock along with a view: of a security_invoker view, all that it reads."""
    if view.kind != "view" or not view.security_invoker:
        return ()
    mention = Access(view)
    with context.charging(Charges()):
        bodies.expand_view(context, mention, Reason("lock", place))
    return tuple(each.relation for each in mention.covers)


def read_call(context: Context, node: Node) -> str:
    """CALL: the procedure as a function whose result nobody looks at."""
    level = Level(None)
    level.clause = "call"
    functions.read_procedure(context, level, node["funccall"])
    return "CALL"
