"""Names to what the catalog holds, the way PostgreSQL's search path finds it (namespace.c)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast

from p0_access.permissions import elsewhere
from p0_access.permissions.builtin import SCHEMAS
from p0_access.permissions.catalog import Column, Relation, Type
from p0_access.permissions.infer import refusals
from p0_access.permissions.infer.charges import Access, FreeAccess, Reason, columns_by_name
from p0_access.permissions.infer.context import TEMPORARY, Context, RefusedError, refuse_unreadable
from p0_access.permissions.infer.tree import strings
from p0_access.permissions.infer.types import canonical
from p0_access.permissions.parse import Node
from p0_access.permissions.suggest import MAX_COMPARED

MAX_NAME_BYTES: Final = 63


def path(context: Context) -> tuple[str, ...]:
    """The schemas an unqualified name is looked up in. pg_catalog comes first unless the path says otherwise."""
    return _path(context.search_path)


@lru_cache(maxsize=256)
def _path(search_path: tuple[str, ...]) -> tuple[str, ...]:
    return search_path if "pg_catalog" in search_path else ("pg_catalog", *search_path)


def relation(context: Context, node: Node, clause: str) -> Relation:
    """The relation that a RangeVar names."""
    place = node.get("location", 0)
    database = node.get("catalogname")
    if database is not None and database != context.catalog.database:
        raise RefusedError(
            "unknown_table",
            f'the table is in another database, "{database}"',
            place,
            f"This is {context.catalog.database}: PostgreSQL does not query across databases.",
        )
    return find_relation(context, node.get("schemaname"), node["relname"], clause, place)


def find_relation(context: Context, schema: str | None, name: str, clause: str, place: int) -> Relation:
    """The relation of a name, which costs USAGE on its schema; refuses unknown ones with a suggestion."""
    made = context.session.made.get(name)
    if made is not None and schema == made.schema:
        return made
    for each in _path(context.search_path) if schema is None else (schema,):
        found = lookup(context, each, name)
        if found is not None:
            refuse_unreadable(found, place)
            if made is not None and schema is None:
                raise RefusedError(
                    "ambiguous_table",
                    f'"{name}" is a table of this session, and one in {each}',
                    place,
                    "Write the schema before the name (pg_temp for the temporary one).",
                )
            context.name_schema(each, clause, place)
            return found
    if made is not None and schema is None and (made.schema == TEMPORARY or made.schema in context.search_path):
        if made.schema != TEMPORARY:
            context.name_schema(made.schema, clause, place)
        return made
    raise unknown_relation(context, schema, name, place)


def lookup(context: Context, schema: str, name: str) -> Relation | None:
    if schema in SCHEMAS:
        return context.builtin.relation(schema, name)
    return context.catalog.relation(schema, name)


def unknown_relation(context: Context, schema: str | None, name: str, place: int) -> RefusedError:
    wanted = name if schema is None else f"{schema}.{name}"
    many = len(context.catalog.relations) > MAX_COMPARED
    known = (f"{in_schema}.{each}" for in_schema, each in context.catalog.tables(name[:1] if many else ""))
    hint = elsewhere.relation(wanted) or context.did_you_mean(wanted, itertools.islice(known, MAX_COMPARED))
    if hint is None and schema is None:
        searched = ", ".join(context.search_path) or "no schema"
        hint = f"The search path is {searched}; write the schema before the name."
    return RefusedError("unknown_table", f'table "{wanted}" does not exist', place, hint)


def access(context: Context, found: Relation, place: int) -> Access:
    """A new mention of a relation, not charged anything yet. Refuses what only privileged roles may read."""
    if made_here(context, found):
        mention: Access = FreeAccess(found)
    elif found.schema in SCHEMAS:
        private = context.builtin.private_columns(found.schema, found.name)
        mention = RestrictedAccess(found, private, place) if private else FreeAccess(found)
    else:
        mention = Access(found, _columns(context, found))
    context.charges.mention(mention)
    return mention


def _columns(context: Context, found: Relation) -> Mapping[str, Column]:
    """The columns of a relation of the catalog by name, put together once."""
    memory = context.catalog.memory
    key = ("columns", found.schema, found.name)
    known = memory.get(key)
    if known is None:
        known = memory[key] = columns_by_name(found)
    return cast("Mapping[str, Column]", known)


def made_here(context: Context, found: Relation) -> bool:
    """Whether an earlier statement of the text made a relation, which is therefore the session's own."""
    return context.session.made.get(found.name) is found


class RestrictedAccess(FreeAccess):
    """A mention of a catalog relation some of whose columns PUBLIC may not read: reading those is refused."""

    __slots__ = ("_place", "_private")

    def __init__(self, found: Relation, private: frozenset[str], place: int) -> None:
        super().__init__(found)
        self._private = private
        self._place = place

    def require(self, privilege: str, reason: Reason) -> None:
        del reason
        if privilege != "SELECT" or len(self._private) == len(self.relation.columns):
            raise self._refusal()

    def column(self, privilege: str, name: str, reason: Reason) -> None:
        del reason
        if privilege != "SELECT" or name in self._private:
            raise self._refusal()

    def read(self, name: str, reason: Reason) -> None:
        self.require("SELECT", reason)
        self.column("SELECT", name, reason)

    def _refusal(self) -> RefusedError:
        return refusals.restricted_relation(self.relation.schema, self.relation.name, self._place)


def type_name(context: Context, node: Node, clause: str) -> tuple[str, str] | None:
    """The (schema, name) a TypeName stands for, at the price of USAGE on its schema; None for internal ones.

    A relation's row type counts as a type.
    """
    names = strings(node.get("names", []))
    place = node.get("location", 0)
    if not names:
        return None
    if node.get("pct_type"):
        raise RefusedError("unsupported_expression", "%TYPE cannot stand here", place)
    *qualifiers, name = names
    schema = qualifiers[-1] if qualifiers else None
    for each in path(context) if schema is None else (schema,):
        if is_type(context, each, name):
            context.name_schema(each, clause, place)
            return each, name
    wanted = ".".join(names)
    known = itertools.chain(
        context.builtin.types["pg_catalog"], (f"{t.schema}.{t.name}" for t in context.catalog.types)
    )
    raise RefusedError("unknown_type", f'type "{wanted}" does not exist', place, context.did_you_mean(wanted, known))


def is_type(context: Context, schema: str, name: str) -> bool:
    if schema in SCHEMAS:
        element = name.removeprefix("_")
        return element in context.builtin.types.get(schema, ()) or context.builtin.relation(schema, name) is not None
    return any(
        context.catalog.type(schema, each) is not None or context.catalog.relation(schema, each) is not None
        for each in {name, name.removeprefix("_")}
    )


@lru_cache(maxsize=4096)
def qualified(text: str) -> tuple[str, ...] | None:
    """The parts of a name inside a string, as in `nextval('"S".s')` (stringToQualifiedNameList); None if it is none."""
    parts: list[str] = []
    rest = text.strip(" \t\n\r\f\v")
    while True:
        if rest.startswith('"'):
            end = 1
            while True:
                end = rest.find('"', end)
                if end < 0:
                    return None
                if rest[end : end + 2] != '""':
                    break
                end += 2
            part, rest = rest[1:end].replace('""', '"'), rest[end + 1 :]
        else:
            part, _, _ = rest.partition(".")
            rest = rest[len(part) :]
            part = lowered(part.rstrip(" \t\n\r\f\v"))
            if any(each in part for each in ' \t\n"'):
                return None
        if not part:
            return None
        parts.append(cut(part))
        rest = rest.lstrip(" \t\n\r\f\v")
        if not rest:
            return tuple(parts)
        if not rest.startswith("."):
            return None
        rest = rest[1:].lstrip(" \t\n\r\f\v")


def printed_type(context: Context, printed: str) -> Type | None:
    """The type that PostgreSQL prints so, if it is none of its own: `shop."Mail"`."""
    parts = qualified(printed) if "." in printed else None
    return context.catalog.type(*parts) if parts is not None and len(parts) == len(("schema", "name")) else None


def base_type(context: Context, printed: str | None) -> str | None:
    """A type by its one name, a domain by that of what it is over."""
    domain = printed_type(context, printed) if printed is not None else None
    if domain is not None and domain.base is not None:
        return base_type(context, domain.base)
    return canonical(printed) if printed is not None else None


def fields(context: Context, printed: str | None) -> tuple[Column, ...] | None:
    """The columns of a composite type or of a relation's rows, by the type as PostgreSQL prints it; None of others."""
    printed = base_type(context, printed)
    parts = qualified(printed) if printed is not None and "." in printed and not printed.endswith("[]") else None
    if parts is None or len(parts) != len(("schema", "name")):
        return None
    known = context.catalog.type(*parts)
    if known is not None:
        return known.columns if known.kind == "composite" else None
    found = context.catalog.relation(*parts)
    return found.columns if found is not None else None


def lowered(name: str) -> str:
    """Unquoted names are folded in ASCII only (in a UTF-8 database)."""
    return "".join(each.lower() if each.isascii() else each for each in name)


def cut(name: str) -> str:
    """PostgreSQL keeps 63 bytes of a name, whole characters."""
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
