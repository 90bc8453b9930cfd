"""Operators: functions by another name. Those of pg_catalog need nothing; others cost what their functions do."""

from __future__ import annotations

from typing import Final

from p0_access.permissions.builtin import SCHEMAS
from p0_access.permissions.catalog import Function, Operator
from p0_access.permissions.infer import bodies, builtin_calls, functions, names
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Level
from p0_access.permissions.infer.tree import items, literal, strings
from p0_access.permissions.infer.types import may_be
from p0_access.permissions.parse import Node

_COMPARISONS: Final = frozenset(
    {"=", "<>", "!=", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "~", "~*", "!~", "!~*"}
)
_ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "%"})
_NUMBERS: Final = frozenset({"int4", "int8", "numeric", "float8"})


def charge(
    context: Context, level: Level, node: Node, left: Columns | str | None, right: Columns | str | None
) -> str | None:
    """One A_Expr whose operands were read; the type of its result, if known."""
    if node["kind"].startswith(("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN")):
        return "bool"
    qualified = strings(node["name"])
    left_type = left if isinstance(left, str) else None
    right_type = right if isinstance(right, str) else None
    if node["kind"] in ("AEXPR_OP_ANY", "AEXPR_OP_ALL", "AEXPR_IN"):
        right_type = None
    use(context, level.clause, qualified, (left_type, right_type), node.get("location", -1))
    _name_objects(context, level, node, left, right)
    symbol = qualified[-1]
    if node["kind"] != "AEXPR_OP" or symbol in _COMPARISONS:
        return "bool" if node["kind"] != "AEXPR_NULLIF" else left_type
    same = left_type == right_type or right_type == "unknown"
    return left_type if symbol in _ARITHMETIC and left_type in _NUMBERS and same else None


def _name_objects(
    context: Context, level: Level, node: Node, left: Columns | str | None, right: Columns | str | None
) -> None:
    """A bare string beside a value of a reg… type is read as a name: `attrelid::regclass = 'shop.orders'`."""
    for value, other in ((left, node.get("rexpr")), (right, node.get("lexpr"))):
        if isinstance(value, str) and value.startswith("reg") and other:
            for each in items(other) if "List" in other else [other]:
                text = literal(each) if "A_Const" in each else None
                if text is not None:
                    builtin_calls.object_in_text(context, level.clause, value, text, node.get("location", -1))


def use(
    context: Context, clause: str, qualified: tuple[str, ...], types: tuple[str | None, str | None], place: int
) -> None:
    """Charges what an operator that is called by this name may be."""
    symbol = qualified[-1]
    if symbol == "!=":
        symbol = "<>"
    schemas = names.path(context) if len(qualified) == 1 else (qualified[-2],)
    builtin = "pg_catalog" in schemas and symbol in context.builtin.operators
    known = context.catalog.operators_named(symbol)
    candidates = [each for each in known if each.schema in schemas and _fits(each, types)]
    if not candidates:
        if not builtin:
            raise RefusedError("unknown_operator", f"operator {'.'.join(qualified)} does not exist", place)
        return
    if builtin and not any(_mentions_own(context, each, types) for each in candidates):
        return
    for each in candidates:
        context.name_schema(each.schema, clause, place)
        for function in _behind(context, each, place):
            if not functions.harmless(function) and not bodies.is_free(context, function):
                if builtin or len(candidates) > 1:
                    raise RefusedError("ambiguous_operator", f"operator {symbol} may be one of {each.schema}'s", place)
                functions.charge(context, function, clause, place)


def _fits(operator: Operator, types: tuple[str | None, str | None]) -> bool:
    left, right = types
    return may_be(right, operator.right) and (operator.left is None or may_be(left, operator.left))


def _mentions_own(context: Context, operator: Operator, types: tuple[str | None, str | None]) -> bool:
    """Whether an operand may be of a type that pg_catalog's operators do not know."""
    del context, operator
    return any(each is None or "." in each for each in types)


def _behind(context: Context, operator: Operator, place: int) -> tuple[Function, ...]:
    schema, name = operator.function
    if schema in SCHEMAS:
        return ()
    count = 1 if operator.left is None else 2
    found = tuple(each for each in context.catalog.functions_named(schema, name) if functions.takes(each, count))
    if not found:
        raise RefusedError("unknown_function", f"the function {schema}.{name} of an operator is not known", place)
    return found
