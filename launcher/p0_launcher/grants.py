"""Permissions as people write them: `SELECT, INSERT on enterprise.markets(id, name)`, `USAGE on sequence enterprise.s`,
`EXECUTE on function enterprise.rate(integer, date)`, `USAGE on type enterprise.mood`, `SELECT on large object 4711`,
`TEMPORARY on database`.

Names are written as in SQL: unquoted ones fold to lower case, quoted ones stay. With columns the privileges are on
those, else on the whole relation. A function has its argument types as PostgreSQL names them. CONNECT and USAGE of the
schema come along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from p0_access.messages.records import What
from p0_access.permissions.permission import Kind, Permission, canonical, column, connect, relation, usage
from p0_launcher.errors import UsageError

_NAME: Final = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
_SPEC: Final = re.compile(
    rf"\s*(?P<privileges>[A-Za-z]+(?:\s*,\s*[A-Za-z]+)*)\s+on\s+(?:(?P<noun>table|sequence|function|type)\s+)?"
    rf"(?P<schema>{_NAME})\.(?P<name>{_NAME})\s*(?:\((?P<list>[^()]*)\))?\s*\Z",
    re.IGNORECASE,
)
_WITHOUT_SCHEMA: Final = re.compile(
    rf"\s*(?P<privileges>[A-Za-z]+(?:\s*,\s*[A-Za-z]+)*)\s+on\s+"
    rf"(?:large\s+object\s+(?P<oid>[1-9][0-9]*)|database(?:\s+(?P<database>{_NAME}))?)\s*\Z",
    re.IGNORECASE,
)
_COLUMNS: Final = re.compile(rf"\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*\Z")
_KNOWN: Final = {
    "columns": frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"}),
    "a relation": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}),
    "a sequence": frozenset({"USAGE", "SELECT", "UPDATE"}),
    "a function": frozenset({"EXECUTE"}),
    "a type": frozenset({"USAGE"}),
    "a large object": frozenset({"SELECT", "UPDATE"}),
    "the database": frozenset({"CONNECT", "TEMPORARY"}),
}


def parse_grants(database: str, specs: Sequence[str]) -> What:
    """What is asked for by `--grant`, as often as it is given."""
    found: list[Permission] = [connect(database)]
    for spec in specs:
        elsewhere = _WITHOUT_SCHEMA.match(spec)
        found.extend(_parse(spec) if elsewhere is None else _without_schema(spec, elsewhere, database))
    return What(grant=canonical(found))


def _parse(spec: str) -> Iterator[Permission]:
    match = _SPEC.match(spec)
    noun = "table" if match is None else (match["noun"] or "table").lower()
    listed = None if match is None else match["list"]
    if match is None or (noun == "table" and listed is not None and _COLUMNS.match(listed) is None):
        raise _malformed(spec, "Write: --grant 'SELECT on schema.table(column, …)'")
    if noun in ("sequence", "type") and listed is not None:
        raise _malformed(spec, f"Write: --grant 'USAGE on {noun} schema.name'")
    if noun == "function" and listed is None:
        raise _malformed(spec, "Write its argument types: --grant 'EXECUTE on function schema.name(integer, text)'")
    schema, name = _folded(match["schema"]), _folded(match["name"])
    target = f"a {noun}" if noun != "table" else "a relation" if listed is None else "columns"
    yield usage(schema)
    for privilege in _privileges(match, target):
        if noun in ("sequence", "type"):
            yield Permission(Kind(noun), schema, name, None, privilege)
        elif noun == "function":
            types = ", ".join(" ".join(part.split()) for part in (listed or "").split(","))
            yield Permission(Kind.FUNCTION, schema, f"{name}({types})", None, privilege)
        elif listed is None:
            yield relation(schema, name, privilege)
        else:
            yield from (column(schema, name, _folded(each), privilege) for each in re.findall(_NAME, listed))


def _without_schema(spec: str, match: re.Match[str], database: str) -> Iterator[Permission]:
    """On a large object, or on the database that is asked for."""
    if match["oid"] is not None:
        for privilege in _privileges(match, "a large object"):
            yield Permission(Kind.LARGE_OBJECT, None, match["oid"], None, privilege)
        return
    if match["database"] is not None and _folded(match["database"]) != database:
        raise _malformed(spec, f"This is asked for in {database}: leave the other name out")
    for privilege in _privileges(match, "the database"):
        yield Permission(Kind.DATABASE, None, database, None, privilege)


def _privileges(match: re.Match[str], target: str) -> Iterator[str]:
    for privilege in (word.upper() for word in re.findall(r"[A-Za-z]+", match["privileges"])):
        if privilege not in _KNOWN[target]:
            raise UsageError(
                f"{privilege} is no privilege on {target}",
                code="grant_malformed",
                hint=f"One of: {', '.join(sorted(_KNOWN[target]))}",
            )
        yield privilege


def _malformed(spec: str, hint: str) -> UsageError:
    return UsageError(f"{spec!r} is not a grant", code="grant_malformed", hint=hint)


def _folded(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
