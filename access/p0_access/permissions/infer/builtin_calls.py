"""What calling PostgreSQL's own functions needs, where that is more than nothing.

Sequence functions need privileges on the sequence, those of large objects on the object, and names in strings cost
USAGE on their schema like names in SQL. What only the run tells is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from p0_access.permissions.builtin import OPAQUE_FUNCTIONS, BuiltinFunction
from p0_access.permissions.infer import names, refusals, settings
from p0_access.permissions.infer.charges import Reason, SequenceUse
from p0_access.permissions.infer.context import TEMPORARY, Context, RefusedError
from p0_access.permissions.infer.scope import Level
from p0_access.permissions.infer.tree import integer, literal, opened, strings
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import Kind, Permission

_SEQUENCE_USES: Final[dict[str, SequenceUse]] = {"nextval": "nextval", "currval": "currval", "setval": "setval"}
# What a text names, which argument it is, counted from the end where negative, and of how many at least.
_NAMED_IN_TEXT: Final = {
    "to_regclass": ("regclass", 0, 1),
    "to_regtype": ("regtype", 0, 1),
    "to_regproc": ("regproc", 0, 1),
    "to_regprocedure": ("regprocedure", 0, 1),
    "pg_get_viewdef": ("regclass", 0, 1),
    "pg_get_serial_sequence": ("regclass", 0, 1),
    "has_table_privilege": ("regclass", -2, 2),
    "has_any_column_privilege": ("regclass", -2, 2),
    "has_sequence_privilege": ("regclass", -2, 2),
    "has_column_privilege": ("regclass", -3, 3),
    "has_function_privilege": ("regprocedure", -2, 2),
    "has_type_privilege": ("regtype", -2, 2),
    "pg_input_is_valid": ("regtype", 1, 2),
    "pg_input_error_info": ("regtype", 1, 2),
    "to_tsvector": ("regconfig", 0, 2),
    "to_tsquery": ("regconfig", 0, 2),
    "plainto_tsquery": ("regconfig", 0, 2),
    "phraseto_tsquery": ("regconfig", 0, 2),
    "websearch_to_tsquery": ("regconfig", 0, 2),
    "json_to_tsvector": ("regconfig", 0, 3),
    "jsonb_to_tsvector": ("regconfig", 0, 3),
    "ts_headline": ("regconfig", 0, 4),
    "ts_lexize": ("regdictionary", 0, 2),
}


_MAY_BE_MISSING: Final = frozenset({"to_regclass", "to_regtype", "to_regproc", "to_regprocedure", "pg_input_is_valid"})

_LARGE_OBJECTS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("lo_creat", "lo_create", "lo_from_bytea"), ()),
    **dict.fromkeys(("loread", "lowrite", "lo_truncate", "lo_truncate64"), ()),  # of what lo_open opened
    "lo_get": ("SELECT",),
    **dict.fromkeys(("lo_put", "lo_open"), ("SELECT", "UPDATE")),
    "lo_unlink": ("owner",),
}
_INV_WRITE: Final = 0x20000


def charge(
    context: Context, level: Level, name: str, function: BuiltinFunction, arguments: Sequence[Node], place: int
) -> None:
    """What a call of `pg_catalog.name` needs, its arguments aside."""
    if name in _SEQUENCE_USES and arguments:
        _charge_sequence(context, level, name, arguments[0], place)
        return
    if function.private:
        raise refusals.restricted_function(name, place)
    if name in _LARGE_OBJECTS:
        _charge_large_object(context, level, name, arguments, place)
    elif name == "set_config" and len(arguments) == 3:
        _check_setting(arguments[0], literal(arguments[1]), place)
    elif name == "current_setting" and arguments:
        settings.check_shown(literal(arguments[0]) or "", place)
    elif name in OPAQUE_FUNCTIONS and not _is_clear(context, name, arguments):
        raise refusals.call(name, place)
    for each in function.regclass:
        text = literal(arguments[each]) if each < len(arguments) else None
        if text is not None:
            object_in_text(context, level.clause, "regclass", text, place)
    kind, place_of_name, count = _NAMED_IN_TEXT.get(name, ("", 0, 0))
    if kind and len(arguments) >= count:
        text = literal(arguments[place_of_name])
        if text is not None:
            object_in_text(context, level.clause, kind, text, place, must_exist=name not in _MAY_BE_MISSING)


def _is_clear(context: Context, name: str, arguments: Sequence[Node]) -> bool:
    """Whether what this call of an opaque function does is known."""
    if name == "lastval":
        return context.session.lastval
    return name == "ts_rewrite" and len(arguments) == 3  # with two, the second one is a query


def _check_setting(argument: Node, value: str | None, place: int) -> None:
    setting = literal(argument)
    if setting is None:
        raise RefusedError(
            "opaque_function", "which setting set_config changes is known only when it runs", place, "Write its name."
        )
    settings.check_changed(setting, value, place)


def _charge_large_object(context: Context, level: Level, name: str, arguments: Sequence[Node], place: int) -> None:
    """Opening for writing reads, too (inv_api.c). What a text makes itself is its own."""
    context.writes = context.writes or name not in ("lo_get", "lo_open")
    privileges = _LARGE_OBJECTS[name]
    if not privileges:
        return
    number = integer(arguments[0])
    if name == "lo_unlink":
        raise RefusedError("opaque_function", "lo_unlink needs the large object's owner", place, "Ask for a role.")
    if number is None:
        raise RefusedError(
            "opaque_function", f"which large object {name} uses is known only when it runs", place, "Write its number."
        )
    if name == "lo_open":
        mode = integer(arguments[1])
        if mode is not None and not mode & _INV_WRITE:
            privileges = ("SELECT",)
        context.writes = context.writes or len(privileges) > 1
    for privilege in privileges:
        permission = Permission(Kind.LARGE_OBJECT, None, str(number), None, privilege)
        context.callers.need(permission, Reason(level.clause, place))


def _charge_sequence(context: Context, level: Level, name: str, argument: Node, place: int) -> None:
    text = literal(argument) or _serial_sequence(context, argument)
    if text is None:
        raise RefusedError(
            "opaque_function", f"which sequence {name} uses is known only when it runs", place, "Write its name."
        )
    schema, sequence = name_in_text(context, level.clause, text, place)
    use = _SEQUENCE_USES[name]
    context.writes = context.writes or use != "currval"
    context.session.lastval = use == "nextval"
    if schema == TEMPORARY:
        return
    context.callers.draw(schema, sequence, use, Reason(level.clause, place))


def _serial_sequence(context: Context, node: Node) -> str | None:
    """The sequence that `pg_get_serial_sequence('table', 'column')` yields, be it cast to regclass or not."""
    kind, members = opened(node)
    while kind == "TypeCast":
        kind, members = opened(members["arg"])
    if kind != "FuncCall" or strings(members["funcname"])[-1] != "pg_get_serial_sequence" or len(members["args"]) != 2:
        return None
    table, column = literal(members["args"][0]), literal(members["args"][1])
    parts = names.qualified(table or "") or ()
    for schema in (parts[-2],) if len(parts) > 1 else names.path(context):
        found = context.catalog.relation(schema, parts[-1]) if parts else None
        if found is not None:
            owned = found.serials.get(column or "", (found.schema, f"{found.name}_{column}_seq"))
            return ".".join('"' + each.replace('"', '""') + '"' for each in owned)
    return None


def name_in_text(context: Context, clause: str, text: str, place: int) -> tuple[str, str]:
    """The relation whose name a string holds, as regclass reads it: USAGE on its schema."""
    parts = names.qualified(text)
    if parts is None or len(parts) > 3:
        raise RefusedError("unknown_table", f'"{text}" is not the name of a relation', place)
    schema = parts[-2] if len(parts) > 1 else None
    found = names.find_relation(context, schema, parts[-1], clause, place)
    return found.schema, found.name


def object_in_text(context: Context, clause: str, kind: str, text: str, place: int, *, must_exist: bool = True) -> None:
    """What a string of a reg… type names: USAGE on its schema."""
    if text.strip().isdigit() or text.strip() == "-":
        return
    if kind == "regclass" and must_exist:
        name_in_text(context, clause, text, place)
        return
    parts = names.qualified(text.partition("(")[0].replace("[]", "")) or ()
    for schema in (parts[-2],) if len(parts) > 1 else names.path(context):
        if parts and (
            _exists(context, kind, schema, parts[-1]) or (len(parts) > 1 and schema in context.catalog.schemas)
        ):
            context.name_schema(schema, clause, place)
            return


def _exists(context: Context, kind: str, schema: str, name: str) -> bool:
    match kind:
        case "regclass":
            return names.lookup(context, schema, name) is not None
        case "regproc" | "regprocedure":
            return bool(context.catalog.functions_named(schema, name))
        case "regtype":
            return names.is_type(context, schema, name)
    return False
