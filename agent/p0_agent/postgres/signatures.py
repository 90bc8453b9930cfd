"""A routine as GRANT names it, out of its name with its arguments' types: `rate(integer, shop."Mail"[])`.

The types are as `format_type` prints them where nothing but pg_catalog is on the search path. They are taken apart into
identifiers and nothing else; what does not come apart is no routine's signature. Nothing here asks a database.
"""

from __future__ import annotations

import re
from typing import Final

from psycopg import sql

from p0_access.permissions.infer.types import canonical

_NAME: Final = r'[a-z_][a-z0-9_$]*|"(?:[^"]|"")+"'
_TYPE: Final = re.compile(
    rf'(?:(?P<schema>{_NAME})\.(?P<name>{_NAME})|(?P<quoted>"(?:[^"]|"")+")|'
    r"(?P<builtin>[a-z][a-z0-9_]*(?: [a-z]+)*))(?P<array>\[\])?"
)
_BETWEEN: Final = ", "


def routine(schema: str, signature: str) -> sql.Composed | None:
    """`schema.name(types)` in SQL; None if this is no signature. A name may itself have brackets in it."""
    at = signature.rfind("(") if signature.endswith(")") else -1
    while at > 0:
        types = _types(signature[at + 1 : -1])
        if types is not None:
            listed = sql.SQL(", ").join(types)
            return sql.SQL("{}({})").format(sql.Identifier(schema, signature[:at]), listed)
        at = signature.rfind("(", 0, at)
    return None


def _types(text: str) -> list[sql.Composed] | None:
    """None if this is no list of types."""
    found: list[sql.Composed] = []
    at = 0
    while at < len(text):
        match = _TYPE.match(text, at)
        if match is None:
            return None
        found.append(_type(match))
        at = match.end()
        if at < len(text):
            if not text.startswith(_BETWEEN, at) or at + len(_BETWEEN) == len(text):
                return None
            at += len(_BETWEEN)
    return found


def _type(match: re.Match[str]) -> sql.Composed:
    if match["schema"] is not None:
        name = sql.Identifier(_plain(match["schema"]), _plain(match["name"]))
    else:
        own = _plain(match["quoted"]) if match["quoted"] is not None else canonical(match["builtin"]) or ""
        name = sql.Identifier("pg_catalog", own)
    return sql.SQL("{}{}").format(name, sql.SQL("[]" if match["array"] else ""))


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
