"""References to columns, to fields of rows and to whole rows by name (transformColumnRef)."""

from __future__ import annotations

from p0_access.permissions import elsewhere
from p0_access.permissions.infer import functions, names, overloads
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import (
    MISSING,
    AmbiguousError,
    Columns,
    FiredColumns,
    Item,
    Level,
    Value,
    read_target,
)
from p0_access.permissions.infer.tree import string, strings
from p0_access.permissions.infer.types import canonical
from p0_access.permissions.parse import Node


def read(context: Context, level: Level, node: Node) -> Value:
    """`a`, `t.a`, `s.t.a`, `db.s.t.a`, `t.*` as a value, or a table's name for its whole row (transformColumnRef)."""
    fields = node["fields"]
    place = node.get("location", 0)
    context.spend(4 + level.breadth() // 3, place)
    if "A_Star" in fields[-1]:
        return _whole(context, level, table_named(context, level, strings(fields[:-1]), place), place)
    name = string(fields[-1])
    if len(fields) == 1:
        return _bare(context, level, name, place)
    table = table_named(context, level, strings(fields[:-1]), place)
    return field(context, level, table.columns, name, place, table=table.name)


def _bare(context: Context, level: Level, name: str, place: int) -> Value:
    target = level.column(name, place)
    if target is not MISSING:
        return read_target(target, Reason(level.clause, place))
    table = level.item(name, None, place)
    if table is not None:
        return _whole(context, level, table, place)
    if name in context.parameters:
        return context.parameters[name]
    hint = elsewhere.column(name) or context.did_you_mean(name, level.names())
    raise RefusedError("unknown_column", f'column "{name}" does not exist', place, hint)


def table_named(context: Context, level: Level, qualifiers: tuple[str, ...], place: int) -> Item:
    """What `t`, `s.t` or `db.s.t` before a column stands for."""
    schema = qualifiers[-2] if len(qualifiers) > 1 else None
    if len(qualifiers) > 3 or (len(qualifiers) == 3 and qualifiers[0] != context.catalog.database):
        raise RefusedError("unknown_column", f'"{".".join(qualifiers)}" is not in this database', place)
    found = level.item(qualifiers[-1], schema, place)
    if found is None:
        if qualifiers[0] in ("new", "old") and context.fired is not None:
            return Item(qualifiers[0], FiredColumns(context.fired.table))
        if qualifiers[0] in context.parameters:
            row = row_of(context, context.parameters[qualifiers[0]])
            return Item(qualifiers[0], row or Columns(tuple(context.parameters.items()), open_=True))
        wanted = ".".join(qualifiers)
        hint = context.did_you_mean(wanted, (item.name for item in level.items if item.name))
        raise RefusedError("unknown_table", f'"{wanted}" is not a table or alias in FROM', place, hint)
    return found


def field(context: Context, level: Level, columns: Columns, name: str, place: int, *, table: str) -> Value:
    """One column of a row; a function of the whole row if there is no such column (`u.display_name`)."""
    try:
        target = columns.find(name)
    except AmbiguousError:
        raise RefusedError("ambiguous_column", f'"{table}" has several columns "{name}"', place) from None
    if target is MISSING:
        target = columns.system(name)
    if target is not MISSING:
        return read_target(target, Reason(level.clause, place))
    if overloads.exists(context, name, 1):
        columns.whole(Reason(level.clause, place))
        return functions.call(context, level, (name,), (columns,), place)[1]
    if columns.open:
        return None
    known = (each for each, _ in columns.entries())
    raise RefusedError(
        "unknown_column", f'column "{table}.{name}" does not exist', place, context.did_you_mean(name, known)
    )


def _whole(context: Context, level: Level, table: Item, place: int) -> Value:
    context.spend(table.columns.count(), place)
    table.columns.whole(Reason(level.clause, place))
    return table.columns


def row_of(context: Context, type_: str | None) -> Columns | None:
    """The fields of a value of a composite type."""
    found = names.fields(context, type_)
    return Columns([(each.name, canonical(each.type)) for each in found]) if found is not None else None
