"""Tables that the text itself makes: CREATE TABLE AS, SELECT INTO, and temporary tables, views and sequences.

What a session makes is its own, so that later statements of the text need nothing on it; of a view it makes, what the
view reads. A temporary one needs TEMPORARY on the database, another one CREATE on its schema. Everything else that
changes what exists is not inferred (tablecmds.c, createas.c, view.c, namespace.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from p0_access.permissions.catalog import Column, Relation, RelationKind, Type
from p0_access.permissions.infer import bodies, casts, expressions, names, refusals, select, statements, stored
from p0_access.permissions.infer.charges import Charges, Reason
from p0_access.permissions.infer.context import TEMPORARY, Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Item, Level, RelationColumns, type_of
from p0_access.permissions.infer.tree import items, opened, strings
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import Kind, Permission, relation

_TEMPORARY: Final = "t"
_SERIALS: Final = frozenset({"serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"})
_HARMLESS_CHANGES: Final = frozenset(
    {
        "AT_AddIndex", "AT_AddConstraint", "AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull", "AT_DropConstraint",
        "AT_SetStatistics", "AT_SetStorage", "AT_SetRelOptions", "AT_ResetRelOptions",
    }
)  # fmt: skip


def into_clause(node: Node) -> Node | None:
    """INTO of a SELECT, which stands in the first arm of a set operation."""
    while "larg" in node:
        node = node["larg"]
    return node.get("intoClause")


def without_into(node: Node) -> Node:
    """The same SELECT, reading its rows."""
    found = {name: value for name, value in node.items() if name != "intoClause"}
    return {**found, "larg": without_into(found["larg"])} if "larg" in found else found


def read_into(context: Context, into: Node, columns: Columns) -> None:
    """The table that SELECT INTO or CREATE TABLE AS makes of a query's columns, which were charged."""
    given = strings(into.get("colNames", []))
    found = [name for name, _ in columns.entries()]
    _make(context, into["rel"], (*given, *found[len(given) :]), "into", open_=columns.open)
    _need_types(context, columns, into["rel"])


def read_create_as(context: Context, node: Node) -> str:
    """CREATE [TEMPORARY] TABLE … AS query."""
    if node.get("objtype") != "OBJECT_TABLE":
        raise refusals.owners("CREATE MATERIALIZED VIEW")
    kind, query = opened(node["query"])
    with context.charging(Charges()) as charges:
        if kind == "ExecuteStmt":
            statements.read_statement(context, kind, query)
            query = context.session.prepared[query["name"]].get("SelectStmt", {})
        if kind != "ExecuteStmt" or query:
            _, columns = select.read_select(context, None, query)
        else:
            columns = Columns((), open_=True)
    if not node["into"].get("skipData"):  # WITH NO DATA runs nothing
        context.charges.absorb(charges)
    read_into(context, node["into"], columns)
    return "CREATE TABLE AS"


def read_create(context: Context, node: Node) -> str:
    """CREATE TEMPORARY TABLE: its types are looked up, its defaults and checks read; LIKE reads the other table."""
    target = node["relation"]
    if target.get("relpersistence") != _TEMPORARY or "inhRelations" in node or "ofTypename" in node:
        raise refusals.owners("CREATE TABLE")
    columns: list[Column] = []
    later: list[Node] = []
    for kind, element in map(opened, node.get("tableElts", ())):
        if kind == "ColumnDef":
            columns.append(_column(context, element))
            later += (each["Constraint"] for each in element.get("constraints", ()))
        elif kind == "TableLikeClause":
            columns += _like(context, element["relation"], with_more=bool(element.get("options")))
        else:
            later.append(element)
    made = _make(context, target, [each.name for each in columns], "create")
    _read_constraints(context, made, later)
    return "CREATE TABLE"


def read_view(context: Context, node: Node) -> str:
    """CREATE TEMPORARY VIEW: what it reads is charged to whoever reads it."""
    if node["view"].get("relpersistence") != _TEMPORARY:
        raise refusals.owners("CREATE VIEW")
    charges = Charges()
    with context.charging(charges):
        _, columns = select.read_query(context, None, node["query"])
    given = strings(node.get("aliases", []))
    found = [name for name, _ in columns.entries()]
    made = _make(context, node["view"], (*given, *found[len(given) :]), "create", open_=columns.open)
    _need_types(context, columns, node["view"])
    context.session.views[made.name] = charges
    return "CREATE VIEW"


def read_sequence(context: Context, node: Node) -> str:
    """CREATE TEMPORARY SEQUENCE."""
    if node["sequence"].get("relpersistence") != _TEMPORARY:
        raise refusals.owners("CREATE SEQUENCE")
    _make(context, node["sequence"], (), "create", kind="sequence")
    return "CREATE SEQUENCE"


def read_index(context: Context, node: Node) -> str:
    """CREATE INDEX on what the session made."""
    made = _own(context, node["relation"], "CREATE INDEX")
    level = _level_of(context, made)
    level.clause = "index"
    for each in node.get("indexParams", ()):
        if "expr" in each["IndexElem"]:
            expressions.read_expression(context, level, each["IndexElem"]["expr"])
    if "whereClause" in node:
        expressions.read_expression(context, level, node["whereClause"])
    return "CREATE INDEX"


def read_drop(context: Context, node: Node) -> str:
    """DROP of what the session made."""
    for each in node["objects"]:
        kind, _ = opened(each)
        parts = strings(items(each)) if kind == "List" else ()
        found = context.session.made.get(parts[-1]) if parts else None
        if found is None or (len(parts) > 1 and parts[-2] != found.schema):
            raise refusals.owners("DROP", node)
        del context.session.made[found.name]
        context.session.views.pop(found.name, None)
    context.writes = True
    return "DROP"


def read_alter(context: Context, node: Node) -> str:
    """ALTER TABLE of what the session made: columns come and go."""
    made = _own(context, node["relation"], "ALTER TABLE")
    columns = list(made.columns)
    for command in (each["AlterTableCmd"] for each in node["cmds"]):
        kind = command["subtype"]
        if kind == "AT_AddColumn":
            columns.append(_column(context, command["def"]["ColumnDef"]))
        elif kind == "AT_DropColumn":
            columns = [each for each in columns if each.name != command["name"]]
        elif kind == "AT_AlterColumnType":
            names.type_name(context, command["def"]["ColumnDef"]["typeName"], "alter")
        elif kind not in _HARMLESS_CHANGES:
            raise refusals.owners("ALTER TABLE")
    context.session.made[made.name] = Relation(
        schema=made.schema, name=made.name, kind=made.kind, columns=tuple(columns)
    )
    context.writes = True
    return "ALTER TABLE"


def _make(
    context: Context,
    target: Node,
    columns: Iterable[str],
    clause: str,
    *,
    open_: bool = False,
    kind: RelationKind = "table",
) -> Relation:
    """A relation of the session's own."""
    place = target.get("location", 0)
    context.writes = True
    if open_:
        raise RefusedError("unsupported_statement", "which columns the new table has is known only when it runs", place)
    schema = target.get("schemaname")
    if target.get("relpersistence") == _TEMPORARY or schema in (TEMPORARY, "pg_temp"):
        database = Permission(Kind.DATABASE, None, context.catalog.database, None, "TEMPORARY")
        context.callers.need(database, Reason(clause, place))
        schema = TEMPORARY
    else:
        schema = schema or _creation_schema(context, clause, place)
        if context.catalog.relation(schema, target["relname"]) is not None:
            raise RefusedError("duplicate_table", f"{schema}.{target['relname']} is there already", place)
        context.callers.need(Permission(Kind.SCHEMA, None, schema, None, "CREATE"), Reason(clause, place))
    made = Relation(
        schema=schema,
        name=target["relname"],
        kind=kind,
        columns=tuple(Column(name=each, type="?") for each in columns),
    )
    context.session.made[made.name] = made
    return made


def _creation_schema(context: Context, clause: str, place: int) -> str:
    """Where a name without a schema is made: the first schema of the path that there is."""
    for schema in context.search_path:
        if schema in context.catalog.schemas:
            context.name_schema(schema, clause, place)
            return schema
    raise RefusedError("unknown_schema", "no schema of the search path is there to create in", place)


def _column(context: Context, node: Node) -> Column:
    parts = strings(node["typeName"]["names"]) if "typeName" in node else ()
    if parts and parts[-1] not in _SERIALS:
        _use_type(context, names.type_name(context, node["typeName"], "column type"), node["typeName"])
    return Column(name=node["colname"], type="?")


def _use_type(context: Context, found: tuple[str, str] | None, node: Node) -> None:
    """USAGE on a column's type, an array's by its element's (BuildDescForRelation, pg_type_aclmask)."""
    schema, name = found or ("", "")
    known = context.catalog.type(schema, name) or context.catalog.type(schema, name.removeprefix("_"))
    if known is not None:  # its checks, and its default, run with each row
        casts.check_domains(context, casts.printed(known.schema, known.name), "column type", node.get("location", 0))
        if known.default is not None:
            bodies.expand_expression(context, known.default, None, "column type", node.get("location", 0))
    _need_type(context, known, node)


def _need_types(context: Context, columns: Columns, node: Node) -> None:
    """Of the columns that a query gives a new relation. Where a type is not known it may be one that not everybody may
    use, if there is any."""
    private = next((f"{each.schema}.{each.name}" for each in context.catalog.types if not each.public), None)
    for name, target in columns.entries() if private is not None else ():
        printed = type_of(target)
        if printed is None:
            raise RefusedError(
                "unsupported_statement",
                f"the type of the new column {name} is not known, and not everybody may use every type ({private})",
                node.get("location", 0),
                f"Cast it: {name}::type AS {name}",
            )
        _need_type(context, names.printed_type(context, printed.removesuffix("[]")), node)


def _need_type(context: Context, known: Type | None, node: Node) -> None:
    if known is not None and not known.public:
        permission = Permission(Kind.TYPE, known.schema, known.name, None, "USAGE")
        context.callers.need(permission, Reason("column type", node.get("location", 0)))


def _like(context: Context, table: Node, *, with_more: bool) -> tuple[Column, ...]:
    """LIKE needs SELECT on the whole of the other table; what it takes over may run with each row."""
    place = table.get("location", 0)
    found = names.relation(context, table, "like")
    if not names.made_here(context, found):
        context.charges.need(relation(found.schema, found.name, "SELECT"), Reason("like", place))
    for each in found.columns:
        casts.check_domains(context, each.type, "like", place)
    if with_more:
        stored.charge_copied(context, found, place)
    return tuple(Column(name=each.name, type="?") for each in found.columns)


def _read_constraints(context: Context, made: Relation, nodes: Iterable[Node]) -> None:
    level = _level_of(context, made)
    for each in nodes:
        members = each.get("Constraint", each)
        level.clause = "default" if members.get("contype") == "CONSTR_DEFAULT" else "check constraint"
        if members.get("contype") == "CONSTR_FOREIGN" and not names.made_here(
            context, names.relation(context, members["pktable"], "references")
        ):
            raise refusals.owners("REFERENCES")
        if "raw_expr" in members:
            expressions.read_expression(context, level, members["raw_expr"])


def _level_of(context: Context, made: Relation) -> Level:
    level = Level(None)
    level.items.append(Item(made.name, RelationColumns(names.access(context, made, 0))))
    return level


def _own(context: Context, table: Node, command: str) -> Relation:
    """What the session made; refuses anything else."""
    found = context.session.made.get(table["relname"])
    if found is None or table.get("schemaname", found.schema) not in (found.schema, "pg_temp"):
        raise refusals.owners(command)
    context.writes = True
    return found


Reader = Callable[[Context, Node], str]

READERS: Final[dict[str, Reader]] = {
    "CreateTableAsStmt": read_create_as,
    "CreateStmt": read_create,
    "ViewStmt": read_view,
    "CreateSeqStmt": read_sequence,
    "IndexStmt": read_index,
    "DropStmt": read_drop,
    "AlterTableStmt": read_alter,
}
