"""FROM: its tables, sub-queries, functions and joins become items of a level (parse_clause.c)."""

from __future__ import annotations

from collections.abc import Sequence

from p0_access.permissions.builtin import SCHEMAS
from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import bodies, casts, ctes, expressions, functions, names, node_members, output, select
from p0_access.permissions.infer.charges import Access, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import (
    MISSING,
    AmbiguousError,
    Columns,
    Cte,
    Entry,
    FiredColumns,
    Item,
    JoinColumns,
    Level,
    RelationColumns,
    RenamedColumns,
    read_target,
)
from p0_access.permissions.infer.tree import items, opened, strings
from p0_access.permissions.parse import Node


def read_from(context: Context, level: Level, nodes: Sequence[Node]) -> None:
    """All of FROM into `level`: each entry sees those before it only if it is lateral."""
    for node in nodes:
        found = _entry(context, level, node)
        for item in found:
            item.lateral_only = True
        level.items += found
    for item in level.items:
        item.lateral_only = False


def _entry(context: Context, level: Level, node: Node) -> list[Item]:
    kind, members = opened(node)
    level.clause = "from"
    match kind:
        case "RangeVar":
            return [_table(context, level, members)]
        case "JoinExpr":
            return _join(context, level, members)
        case "RangeSubselect":
            return [_subquery(context, level, members)]
        case "RangeFunction":
            return [_function(context, level, members)]
        case "RangeTableSample":
            found = _entry(context, level, members["relation"])
            for each in (*members.get("args", ()), *([members["repeatable"]] if "repeatable" in members else ())):
                expressions.read_expression(context, level, each)
            method = strings(members["method"])
            if method[-1] not in ("system", "bernoulli") or len(method) > 1:
                raise RefusedError("unknown_function", "an unknown sampling method", members.get("location", -1))
            return found
        case "RangeTableFunc":
            return [_xml_table(context, level, members)]
        case "JsonTable":
            return [_json_table(context, level, members)]
        case _:
            raise RefusedError("unsupported_statement", f"{kind} in FROM is not understood")


def _table(context: Context, level: Level, node: Node) -> Item:
    called = node["relname"]
    alias = node.get("alias")
    name = called if alias is None else alias["aliasname"]
    place = node.get("location", 0)
    context.spend(5, place)
    if "schemaname" not in node:
        cte = find_cte(level, called)
        if cte is not None:
            return Item(name, _renamed(ctes.use(context, level, cte, place), alias))
        if context.fired is not None and called in context.fired.transition:
            return Item(name, _renamed(FiredColumns(context.fired.table), alias))
    found = names.relation(context, node, "from")
    mention = select_from(context, found, Reason("from", place))
    level.locks.append((name, mention))
    return Item(name, _renamed(RelationColumns(mention), alias), schema=None if alias else found.schema)


def select_from(context: Context, found: Relation, reason: Reason) -> Access:
    """A mention that is read: SELECT, and for a view what reading it brings along."""
    mention = names.access(context, found, reason.location)
    mention.require("SELECT", reason)
    if found.name in context.session.views and names.made_here(context, found):
        read = context.session.views[found.name]
        context.spend(read.weight(), reason.location)
        context.charges.absorb_at(read, reason)
    if found.kind == "view" and found.schema not in SCHEMAS:
        bodies.expand_view(context, mention, reason)
    return mention


def find_cte(level: Level | None, name: str) -> Cte | None:
    """The WITH query an unqualified name stands for, from the innermost query that defines one and lets it be seen."""
    while level is not None:
        if name in level.ctes:
            return level.ctes[name]
        level = level.parent
    return None


def _renamed(columns: Columns, alias: Node | None) -> Columns:
    given = alias.get("colnames") if alias is not None else None
    return RenamedColumns(columns, strings(given)) if given else columns


def _subquery(context: Context, level: Level, node: Node) -> Item:
    alias = node.get("alias", {})
    level.lateral = bool(node.get("lateral"))
    inner, columns = select.read_query(context, level, node["subquery"])
    level.lateral = False
    level.clause = "from"
    name = alias.get("aliasname", "")
    level.locks.append((name, inner))
    item = Item(name, _renamed(columns, alias))
    item.name_visible = bool(alias)
    return item


def _function(context: Context, level: Level, node: Node) -> Item:
    """`FROM f(…)`, `ROWS FROM (f(…), g(…))`: functions see the entries before them, LATERAL or not."""
    alias = node.get("alias", {})
    level.lateral = True
    entries: list[Entry] = []
    open_ = False
    first_name = ""
    calls = [items(each) for each in node["functions"]]
    for call in calls:
        name = output.output_name(call[0])
        first_name = first_name or name
        definitions = items(call[1]) if len(call) > 1 and call[1] else node.get("coldeflist")
        own = alias.get("aliasname", name) if len(calls) == 1 else name
        listed, more = functions.read_table_function(context, level, call[0], own)
        if definitions:
            entries += [_defined(context, each) for each in definitions]
        else:
            entries += listed
            open_ = open_ or more
    level.lateral = False
    if node.get("ordinality"):
        entries.append(("ordinality", "int8"))
    return Item(alias.get("aliasname", first_name), _renamed(Columns(entries, open_=open_), alias))


def _defined(context: Context, node: Node) -> Entry:
    """A column of `AS (a int, b text)`."""
    _, members = opened(node)
    return members["colname"], _named_type(context, members["typeName"])


def _named_type(context: Context, node: Node) -> str | None:
    return casts.type_of(node, names.type_name(context, node, "from"))


def _join(context: Context, level: Level, node: Node) -> list[Item]:
    left = _entry(context, level, node["larg"])
    before = len(level.items)
    for item in left:  # the right side may refer to the left one laterally
        item.lateral_only = True
    level.items += left
    right = _entry(context, level, node["rarg"])
    del level.items[before:]
    for item in (*left, *right):
        item.lateral_only = False
    left_columns, right_columns = _side(left), _side(right)
    merged = _merged(context, node, left_columns, right_columns)
    context.spend(5 + len(merged) * (2 + len(left)), _place(node))
    _charge_merged(merged, left_columns, right_columns, _place(node))
    if "quals" in node:
        outside, level.items = level.items, [*left, *right]
        level.clause = "join condition"
        expressions.read_expression(context, level, node["quals"])
        level.items = outside
    columns: Columns = JoinColumns(left_columns, right_columns, merged)
    if alias := node.get("alias"):
        return [Item(alias["aliasname"], _renamed(columns, alias))]
    for item in (*left, *right):
        item.columns_visible = False
    joined = Item("", columns)
    joined.name_visible = False
    found = [*left, *right, joined]
    if using_alias := node.get("join_using_alias"):
        entries = [entry for entry in columns.entries() if entry[0] in merged]
        named = Item(using_alias["aliasname"], Columns(entries))
        named.columns_visible = False
        found.append(named)
    return found


def _side(found: list[Item]) -> Columns:
    """The columns one side offers: those of the one item whose columns are visible."""
    return next(item.columns for item in found if item.columns_visible)


def _merged(context: Context, node: Node, left: Columns, right: Columns) -> tuple[str, ...]:
    if node.get("isNatural"):
        if left.open or right.open:
            raise RefusedError("ambiguous_column", "NATURAL JOIN with columns that only the run tells")
        of_left, of_right = left.entries(), right.entries()
        context.spend((len(of_left) + len(of_right)) >> 2, _place(node))
        names_of_right = {name for name, _ in of_right}
        return tuple(dict.fromkeys(name for name, _ in of_left if name in names_of_right))
    return strings(node.get("usingClause", []))


def _charge_merged(merged: tuple[str, ...], left: Columns, right: Columns, place: int) -> None:
    for name in merged:
        for side in (left, right):
            try:
                target = side.find(name)
            except AmbiguousError:
                raise RefusedError(
                    "ambiguous_column", f'column "{name}" in USING belongs to several tables', place
                ) from None
            if target is MISSING:
                if not side.open:
                    raise RefusedError("unknown_column", f'column "{name}" in USING is not on both sides', place)
            else:
                read_target(target, Reason("join condition", place))


def _place(node: Node) -> int:
    """A join has no place of its own; that of what it joins will do."""
    _, members = opened(node["rarg"])
    return _place(members) if "rarg" in members else members.get("location", -1)


def _xml_table(context: Context, level: Level, node: Node) -> Item:
    level.lateral = True
    for member in ("docexpr", "rowexpr"):
        expressions.read_expression(context, level, node[member])
    for each in node.get("namespaces", ()):
        expressions.read_expression(context, level, opened(each)[1]["val"])
    entries: list[Entry] = []
    for _, column in map(opened, node["columns"]):
        type_ = _named_type(context, column["typeName"]) if "typeName" in column else "int4"  # FOR ORDINALITY
        entries.append((column["colname"], type_))
        for member in ("colexpr", "coldefexpr"):
            if member in column:
                expressions.read_expression(context, level, column[member])
    level.lateral = False
    alias = node.get("alias", {})
    return Item(alias.get("aliasname", "xmltable"), _renamed(Columns(entries), alias))


def _json_table(context: Context, level: Level, node: Node) -> Item:
    level.lateral = True
    node_members.read_members(context, level, "JsonTable", node)
    level.lateral = False
    entries = _json_columns(context, level, node["columns"])
    alias = node.get("alias", {})
    return Item(alias.get("aliasname", "json_table"), _renamed(Columns(entries), alias))


def _json_columns(context: Context, level: Level, nodes: list[Node]) -> list[Entry]:
    found: list[Entry] = []
    for _, column in map(opened, nodes):
        if column["coltype"] == "JTC_NESTED":
            found += _json_columns(context, level, column["columns"])
            continue
        found.append((column["name"], _named_type(context, column["typeName"]) if "typeName" in column else "int4"))
        node_members.read_members(context, level, "JsonTableColumn", column)
    return found
