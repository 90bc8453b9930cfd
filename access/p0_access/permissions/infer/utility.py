"""EXPLAIN, TRUNCATE, LOCK and CALL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import dml, functions, names, statements, triggers
from p0_access.permissions.infer.charges import Charges, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Level
from p0_access.permissions.infer.tree import opened
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import relation

_FALSE: Final = frozenset({"off", "false", "no", "0", "f", "n"})
_REFERENCES: Final = re.compile(r'REFERENCES ((?:"(?:[^"]|"")+"|[^\s"(])+)\(')

ACCESS_SHARE: Final = 1
ROW_EXCLUSIVE: Final = 3


def read_explain(context: Context, node: Node) -> str:
    """Without ANALYZE nothing runs: privileges on tables are checked all the same, those on sequences are not."""
    analyze = False
    for _, option in map(opened, node.get("options", ())):
        if option["defname"].lower() == "analyze":
            analyze = _is_true(option.get("arg"))
    kind, query = opened(node["query"])
    with context.charging(Charges()) as charges:
        statements.read_statement(context, kind, query)
    if not analyze:
        charges.forget_sequences()
        context.writes = False
    context.charges.absorb(charges)
    return "EXPLAIN"


def _is_true(argument: Node | None) -> bool:
    if argument is None:
        return True
    _, members = opened(argument)
    text = str(members.get("sval", members.get("ival", members.get("boolval", 0)))).lower()
    return text not in _FALSE


def read_truncate(context: Context, node: Node) -> str:
    """TRUNCATE on each table, and with CASCADE on all that refer to it."""
    context.writes = True
    if node.get("restart_seqs"):
        raise RefusedError(
            "unsupported_statement",
            "RESTART IDENTITY needs the sequence's owner",
            hint="Leave it out, or ask for a role.",
        )
    for each in node["relations"]:
        table = each["RangeVar"]
        place = table.get("location", 0)
        found = names.relation(context, table, "truncate")
        cascade = node.get("behavior") == "DROP_CASCADE"
        for one in _with_referencing(context, found) if cascade else (found,):
            dml.check_writable(one, "TRUNCATE", place)
            if one.kind == "view":
                raise RefusedError("unsupported_statement", "TRUNCATE of a view", place)
            triggers.charge(context, one, "truncate", frozenset(), place)
            mention = names.access(context, one, place)
            mention.require("TRUNCATE", Reason("truncate" if one is found else "truncate cascade", place))
    return "TRUNCATE"


def _with_referencing(context: Context, found: Relation) -> Iterator[Relation]:
    """A table and all that foreign keys lead to it from, however far."""
    seen = {(found.schema, found.name)}
    queue = [found]
    while queue:
        current = queue.pop()
        yield current
        for other in context.catalog.relations:
            key = (other.schema, other.name)
            if key not in seen and any(_refers(each.definition, current) for each in other.constraints):
                seen.add(key)
                queue.append(other)


def _refers(definition: str, to: Relation) -> bool:
    found = _REFERENCES.search(definition)
    parts = names.qualified(found.group(1)) if found else None
    return parts is not None and parts[-1] == to.name and (len(parts) == 1 or parts[-2] == to.schema)


def read_lock(context: Context, node: Node) -> str:
    """LOCK is content with one of several privileges on the table; this asks for the one that allows the least."""
    context.writes = True
    mode = node.get("mode", 0)
    for each in node["relations"]:
        table = each["RangeVar"]
        place = table.get("location", 0)
        found = names.relation(context, table, "lock")
        if found.kind not in ("table", "partitioned", "foreign"):
            raise RefusedError("unsupported_statement", f"LOCK of a {found.kind} locks what it reads", place)
        if mode <= ACCESS_SHARE:
            privilege = "SELECT"
        elif mode <= ROW_EXCLUSIVE:
            privilege = "INSERT"
        else:
            privilege = "UPDATE"
        context.charges.need(relation(found.schema, found.name, privilege), Reason("lock", place))
    return "LOCK"


def read_call(context: Context, node: Node) -> str:
    """CALL: the procedure as a function whose result nobody looks at."""
    level = Level(None)
    level.clause = "call"
    functions.read_procedure(context, level, node["funccall"])
    return "CALL"
