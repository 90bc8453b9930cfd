"""Nodes that need no thought: which of their members hold expressions, and what they yield whatever is in them."""

from __future__ import annotations

from typing import Any, Final

from p0_access.permissions.builtin import SYSTEM_TYPE
from p0_access.permissions.infer import expressions, names
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Level
from p0_access.permissions.parse import Node

# `member:Type` says that the grammar leaves no choice
# of type there, so that the member is not wrapped.
_WRITTEN: Final[dict[str, tuple[str, ...]]] = {
    "SetToDefault": (),
    "CurrentOfExpr": (),
    "MergeSupportFunc": (),
    "BoolExpr": ("args",),
    "NullTest": ("arg",),
    "BooleanTest": ("arg",),
    "A_Indices": ("lidx", "uidx"),
    "GroupingFunc": ("args",),
    "MultiAssignRef": ("source",),
    "ResTarget": ("val",),
    "SortBy": ("node",),
    "XmlExpr": ("named_args", "args"),
    "XmlSerialize": ("expr",),
    "JsonIsPredicate": ("expr",),
    "JsonValueExpr": ("raw_expr",),
    "JsonKeyValue": ("key", "value:JsonValueExpr"),
    "JsonObjectConstructor": ("exprs", "output:JsonOutput"),
    "JsonArrayConstructor": ("exprs", "output:JsonOutput"),
    "JsonArrayQueryConstructor": ("query", "output:JsonOutput"),
    "JsonAggConstructor": ("agg_filter", "agg_order", "over:WindowDef", "output:JsonOutput"),
    "JsonObjectAgg": ("constructor:JsonAggConstructor", "arg:JsonKeyValue"),
    "JsonArrayAgg": ("constructor:JsonAggConstructor", "arg:JsonValueExpr"),
    "JsonParseExpr": ("expr:JsonValueExpr", "output:JsonOutput"),
    "JsonScalarExpr": ("expr", "output:JsonOutput"),
    "JsonSerializeExpr": ("expr:JsonValueExpr", "output:JsonOutput"),
    "JsonArgument": ("val:JsonValueExpr",),
    "JsonBehavior": ("expr",),
    "JsonFuncExpr": (
        "context_item:JsonValueExpr",
        "pathspec",
        "passing",
        "on_empty:JsonBehavior",
        "on_error:JsonBehavior",
        "output:JsonOutput",
    ),
    "JsonTable": ("context_item:JsonValueExpr", "pathspec:JsonTablePathSpec", "passing", "on_error:JsonBehavior"),
    "JsonTablePathSpec": ("string",),
    "JsonTableColumn": ("pathspec:JsonTablePathSpec", "on_empty:JsonBehavior", "on_error:JsonBehavior"),
}
_MEMBERS: Final = {
    kind: tuple((member, type_) for member, _, type_ in (each.partition(":") for each in written))
    for kind, written in _WRITTEN.items()
}


# What these yield, whatever is in them.
TYPES: Final = {
    "BoolExpr": "bool",
    "NullTest": "bool",
    "BooleanTest": "bool",
    "JsonIsPredicate": "bool",
    "GroupingFunc": "int4",
    "MergeSupportFunc": "text",
    "XmlSerialize": SYSTEM_TYPE,
    "JsonParseExpr": SYSTEM_TYPE,
    "JsonScalarExpr": SYSTEM_TYPE,
}


def read_members(context: Context, level: Level, kind: str, members: Node) -> None:
    """All expressions in the members of a node whose type is known."""
    if kind == "JsonOutput":
        names.type_name(context, members["typeName"], level.clause)
        return
    if kind == "WindowDef":
        read_window(context, level, members)
        return
    listed = _MEMBERS.get(kind)
    if listed is None:
        raise RefusedError("unsupported_expression", f"{kind} is not understood", members.get("location", -1))
    for member, type_ in listed:
        value: Any = members.get(member)
        if value is None:
            continue
        if type_:
            read_members(context, level, type_, value)
        elif isinstance(value, list):
            expressions.read_all(context, level, value)
        else:
            expressions.read_expression(context, level, value)


def read_window(context: Context, level: Level, node: Node) -> None:
    """OVER (…) and WINDOW w AS (…)."""
    for member in ("partitionClause", "orderClause"):
        expressions.read_all(context, level, node.get(member, ()))
    for member in ("startOffset", "endOffset"):
        if member in node:
            expressions.read_expression(context, level, node[member])
