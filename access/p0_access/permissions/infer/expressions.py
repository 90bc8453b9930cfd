"""Expressions: every column, function, operator, type and sub-query in them is charged (parse_expr.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from p0_access.permissions.infer import (
    casts,
    column_refs,
    functions,
    node_members,
    operators,
    output,
    overloads,
    select,
)
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Level, Value, type_of
from p0_access.permissions.infer.tree import location, string, strings
from p0_access.permissions.infer.types import array_of, element
from p0_access.permissions.parse import Node


def read_expression(context: Context, level: Level, node: Node) -> Value:
    """Charges one expression and what is in it. Anything this does not know is refused."""
    for kind, members in node.items():
        reader = _READERS.get(kind)
        if reader is None:
            node_members.read_members(context, level, kind, members)
            return node_members.TYPES.get(kind)
        return reader(context, level, members)
    return None  # an absent member: the upper end of a slice, the start of a CASE


def read_all(context: Context, level: Level, nodes: Sequence[Node]) -> list[Value]:
    return [read_expression(context, level, node) for node in nodes]


def _type(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _operation(context: Context, level: Level, node: Node) -> Value:
    """Long chains of operators lean left, so the walk does not call itself for those."""
    chain = [node]
    while "A_Expr" in node.get("lexpr", ()):
        node = node["lexpr"]["A_Expr"]
        chain.append(node)
    context.spend(3 * len(chain), node.get("location", -1))
    value: Value = None
    for place, each in enumerate(reversed(chain)):
        left = value if place else (read_expression(context, level, each["lexpr"]) if "lexpr" in each else None)
        right = read_expression(context, level, each["rexpr"]) if "rexpr" in each else None
        value = operators.charge(context, level, each, left, right)
    return value


def _indirection(context: Context, level: Level, node: Node) -> Value:
    """`(row).a`, `a[1]`, `(f(x)).b`: only the first name of a row that is known can cost something."""
    value = read_expression(context, level, node["arg"])
    for each in node["indirection"]:
        if "A_Indices" in each:
            node_members.read_members(context, level, "A_Indices", each["A_Indices"])
            if not each["A_Indices"].get("is_slice"):
                value = element(_type(value))
        elif "String" in each:
            name = string(each)
            value = (column_refs.row_of(context, value) if isinstance(value, str) else None) or value
            if isinstance(value, Columns):
                value = column_refs.field(context, level, value, name, location(node["arg"]), table="row")
            elif overloads.exists(context, name, 1, user_only=True):
                raise RefusedError(
                    "ambiguous_function",
                    f'".{name}" may be a field or the function {name}',
                    hint="Write the call as a call.",
                )
            else:
                value = None
        else:
            raise RefusedError("unsupported_expression", "a star cannot stand here")
    return value


def _cast(context: Context, level: Level, node: Node) -> Value:
    return casts.read(context, level, node, read_expression(context, level, node["arg"]))


def _constant(context: Context, level: Level, node: Node) -> Value:
    del context, level
    if "ival" in node:
        return "int4"
    if "sval" in node:
        return "unknown"
    if "fval" in node:
        return _number(node["fval"].get("fval", ""))
    if "boolval" in node:
        return "bool"
    return "unknown" if node.get("isnull") else None


def _number(text: str) -> str:
    """Whole numbers that are no int4 come as text (make_const)."""
    return "int8" if text.isdigit() and int(text) < 1 << 63 else "numeric"


def _call(context: Context, level: Level, node: Node) -> Value:
    return functions.read_call(context, level, node)


def _collate(context: Context, level: Level, node: Node) -> Value:
    qualified = strings(node["collname"])
    if len(qualified) > 1:
        context.name_schema(qualified[-2], level.clause, node.get("location", 0))
    return read_expression(context, level, node["arg"])


def _row(context: Context, level: Level, node: Node) -> Value:
    entries, open_ = output.read_row(context, level, node.get("args", ()))
    fields = [(f"f{place}", type_of(target)) for place, (_, target) in enumerate(entries, 1)]
    return Columns(fields, open_=open_, row=True)


def _list(context: Context, level: Level, node: Node) -> Value:
    """The right side of IN: one value that stands for all."""
    values = read_all(context, level, node.get("items", ()))
    rows = [each for each in values if isinstance(each, Columns)]
    if not rows or len(rows) < len(values):
        return casts.unified(context, map(_type, values), level.clause)
    columns = zip(*([type_of(target) for _, target in row.entries()] for row in rows), strict=False)
    return Columns(
        [("", casts.unified(context, each, level.clause)) for each in columns], row=all(each.row for each in rows)
    )


def _alternatives(context: Context, level: Level, node: Node) -> Value:
    """COALESCE, GREATEST, LEAST."""
    return casts.unified(context, map(_type, read_all(context, level, node.get("args", ()))), level.clause)


def _case(context: Context, level: Level, node: Node) -> Value:
    """`CASE x WHEN y` compares them."""
    subject = read_expression(context, level, node["arg"]) if "arg" in node else None
    results: list[str | None] = []
    for when in node.get("args", ()):
        members = when["CaseWhen"]
        value = read_expression(context, level, members["expr"])
        if "arg" in node:
            operators.use(context, level.clause, ("=",), subject, value, members.get("location", -1))
        results.append(_type(read_expression(context, level, members["result"])))
    if "defresult" in node:
        results.append(_type(read_expression(context, level, node["defresult"])))
    return casts.unified(context, results, level.clause)


def _array(context: Context, level: Level, node: Node) -> Value:
    return array_of(
        casts.unified(context, map(_type, read_all(context, level, node.get("elements", ()))), level.clause)
    )


def _named_argument(context: Context, level: Level, node: Node) -> Value:
    return read_expression(context, level, node["arg"])


def _parameter(context: Context, level: Level, node: Node) -> Value:
    """`$1` in the body of a function."""
    del level
    return context.parameters.get(f"${node.get('number', 0)}")


_CLOCKS: Final = {
    "CURRENT_DATE": "date",
    "CURRENT_TIME": "timetz",
    "CURRENT_TIMESTAMP": "timestamptz",
    "LOCALTIME": "time",
    "LOCALTIMESTAMP": "timestamp",
}


def _clock(context: Context, level: Level, node: Node) -> Value:
    """CURRENT_TIMESTAMP and the like, CURRENT_USER among them."""
    del context, level
    return _CLOCKS.get(node["op"].removeprefix("SVFOP_").removesuffix("_N"), "name")


def _sublink(context: Context, level: Level, node: Node) -> Value:
    kind = node["subLinkType"]
    tested = read_expression(context, level, node["testexpr"]) if "testexpr" in node else None
    clause = level.clause
    _, columns = select.read_query(context, level, node["subselect"])
    level.clause = clause
    types = [type_of(target) for _, target in columns.entries()]
    single = types[0] if len(types) == 1 and not columns.open else None
    if kind == "EXPR_SUBLINK":
        return "text" if single == "unknown" else single
    if kind == "ARRAY_SUBLINK":
        return array_of(single)
    if "testexpr" in node:
        right = Columns([("", each) for each in types], row=True) if isinstance(tested, Columns) else single
        symbol = strings(node["operName"]) if "operName" in node else ("=",)
        operators.use(context, clause, symbol, tested, right, node.get("location", -1))
    return "bool"


def _query(context: Context, level: Level, node: Node) -> Value:
    select.read_select(context, level, node)
    return None


_READERS: Final[dict[str, Callable[[Context, Level, Node], Value]]] = {
    "ColumnRef": column_refs.read,
    "ParamRef": _parameter,
    "SQLValueFunction": _clock,
    "List": _list,
    "CaseExpr": _case,
    "CoalesceExpr": _alternatives,
    "MinMaxExpr": _alternatives,
    "A_ArrayExpr": _array,
    "NamedArgExpr": _named_argument,
    "A_Expr": _operation,
    "A_Const": _constant,
    "FuncCall": _call,
    "A_Indirection": _indirection,
    "TypeCast": _cast,
    "CollateClause": _collate,
    "RowExpr": _row,
    "SubLink": _sublink,
    "SelectStmt": _query,
}
