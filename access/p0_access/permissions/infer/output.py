"""Select lists: stars are spelled out, and columns get their names (parse_target.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.permissions.infer import column_refs, expressions
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Entry, Level, type_of
from p0_access.permissions.infer.tree import location, opened, string, strings
from p0_access.permissions.parse import Node


def read_targets(context: Context, level: Level, nodes: Sequence[Node]) -> Columns:
    """A select or RETURNING list: what it yields, which is charged here."""
    found: list[Entry] = []
    open_ = False
    for node in nodes:
        target = node["ResTarget"]
        value = target["val"]
        star = _read_star(context, level, value)
        if star is None:
            read = expressions.read_expression(context, level, value)
            found.append((target.get("name") or output_name(value), read if isinstance(read, str) else None))
        else:
            found += [(name, type_of(each)) for name, each in star.entries()]
            open_ = open_ or star.open
            context.has_columns(len(found), location(value))
    context.has_columns(len(found), -1)
    return Columns(found, open_=open_)


def read_row(context: Context, level: Level, nodes: Sequence[Node]) -> tuple[list[Entry], bool]:
    """The expressions of a row in VALUES or ROW(…), where stars are spelled out too."""
    found: list[Entry] = []
    open_ = False
    for value in nodes:
        star = _read_star(context, level, value)
        if star is None:
            read = expressions.read_expression(context, level, value)
            found.append(("", read if isinstance(read, str) else None))
        else:
            found += star.entries()
            open_ = open_ or star.open
            context.has_columns(len(found), location(value))
    context.has_columns(len(found), -1)
    return found, open_


def _read_star(context: Context, level: Level, value: Node) -> Columns | None:
    """The columns of `*`, `t.*`, `(row).*`, all charged; None for an expression that is no star."""
    members = value.get("ColumnRef")
    if members is not None:
        if "A_Star" not in members["fields"][-1]:
            return None
        place = members.get("location", 0)
        if len(members["fields"]) == 1:
            return _everything(context, level, place)
        columns = column_refs.table_named(context, level, strings(members["fields"][:-1]), place).columns
        context.has_columns(columns.count(), place)
        columns.each(Reason(level.clause, place))
        return columns
    members = value.get("A_Indirection")
    if members is not None and "A_Star" in members["indirection"][-1]:
        rest = members["indirection"][:-1]
        inner = {"A_Indirection": {**members, "indirection": rest}} if rest else members["arg"]
        row = expressions.read_expression(context, level, inner)
        return row if isinstance(row, Columns) else Columns((), open_=True)
    return None


def _everything(context: Context, level: Level, place: int) -> Columns:
    visible = [item.columns for item in level.items if item.columns_visible]
    if not visible:
        raise RefusedError("syntax_error", "SELECT * without a table", place)
    count = 0
    for columns in visible:
        count += columns.count()
        context.has_columns(count, place)
    for columns in visible:
        columns.each(Reason(level.clause, place))
    if len(visible) == 1:
        return visible[0]
    return Columns([entry for each in visible for entry in each.entries()], open_=any(each.open for each in visible))


_FIXED_NAMES: Final = {
    "A_ArrayExpr": "array",
    "RowExpr": "row",
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "MergeSupportFunc": "merge_action",
    "XmlSerialize": "xmlserialize",
    "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array",
    "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonArrayAgg": "json_arrayagg",
}
_NAMES_BY_OPERATION: Final = {
    "IS_GREATEST": "greatest",
    "IS_LEAST": "least",
    "IS_XMLCONCAT": "xmlconcat",
    "IS_XMLELEMENT": "xmlelement",
    "IS_XMLFOREST": "xmlforest",
    "IS_XMLPARSE": "xmlparse",
    "IS_XMLPI": "xmlpi",
    "IS_XMLROOT": "xmlroot",
    "JSON_EXISTS_OP": "json_exists",
    "JSON_QUERY_OP": "json_query",
    "JSON_VALUE_OP": "json_value",
}
_SUBLINK_NAMES: Final = {"EXISTS_SUBLINK": "exists", "ARRAY_SUBLINK": "array"}
_UNNAMED: Final = "?column?"


def output_name(node: Node) -> str:
    """What PostgreSQL calls a column without AS (FigureColname)."""
    return _figured(node)[0]


def _figured(node: Node) -> tuple[str, int]:
    """The name and how good it is: 2 is a name of its own, 1 a type's, 0 none."""
    if not node:
        return _UNNAMED, 0
    kind, members = opened(node)
    match kind:
        case "ColumnRef":
            named = [each for each in members["fields"] if "String" in each]
            return (string(named[-1]), 2) if named else (_UNNAMED, 0)
        case "A_Indirection":
            named = [each for each in members["indirection"] if "String" in each]
            return (string(named[-1]), 2) if named else _figured(members["arg"])
        case "FuncCall":
            return strings(members["funcname"])[-1], 2
        case "A_Expr" if members["kind"] == "AEXPR_NULLIF":
            return "nullif", 2
        case "TypeCast":
            name, quality = _figured(members["arg"])
            return (name, quality) if quality > 1 else (strings(members["typeName"]["names"])[-1], 1)
        case "CollateClause":
            return _figured(members["arg"])
        case "CaseExpr":
            name, quality = _figured(members.get("defresult", {}))
            return (name, quality) if quality > 1 else ("case", 1)
        case "SubLink":
            return _sublink_name(members)
        case "MinMaxExpr" | "XmlExpr" | "JsonFuncExpr":
            return _NAMES_BY_OPERATION.get(members.get("op", ""), _UNNAMED), 2
        case "SQLValueFunction":
            return members["op"].removeprefix("SVFOP_").removesuffix("_N").lower(), 2
        case _:
            name = _FIXED_NAMES.get(kind, "")
            return (name, 2) if name else (_UNNAMED, 0)


def _sublink_name(members: Node) -> tuple[str, int]:
    kind = members["subLinkType"]
    if kind != "EXPR_SUBLINK":
        name = _SUBLINK_NAMES.get(kind, "")
        return (name, 2) if name else (_UNNAMED, 0)
    query = members["subselect"]["SelectStmt"]
    while "larg" in query:
        query = query["larg"]
    if "valuesLists" in query:
        return "column1", 2
    targets = query.get("targetList")
    if not targets:
        return _UNNAMED, 0
    first = targets[0]["ResTarget"]
    return (first["name"], 2) if "name" in first else (output_name(first["val"]), 2)
