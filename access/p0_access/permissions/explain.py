"""A reading for people and programs: lines of JSON, GRANT statements, a plain table. Pure text, no colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from p0_access.permissions.permission import Kind, Permission
from p0_access.permissions.reading import Need, Reading, Refused, StatementReading

MAX_SHOWN: Final = 100
"""Characters of a statement in the table."""
MAX_MESSAGE: Final = 400
"""Characters of what is said about one."""

_NOUNS: Final = {
    Kind.DATABASE: "DATABASE",
    Kind.SCHEMA: "SCHEMA",
    Kind.RELATION: "TABLE",
    Kind.COLUMN: "TABLE",
    Kind.ANY_COLUMN: "TABLE",
    Kind.SEQUENCE: "SEQUENCE",
    Kind.FUNCTION: "ROUTINE",
    Kind.TYPE: "TYPE",
    Kind.LARGE_OBJECT: "LARGE OBJECT",
    Kind.FOREIGN_SERVER: "FOREIGN SERVER",
}


def to_json_lines(reading: Reading, file: str | None = None) -> Iterator[str]:
    """One JSON object for each statement: the contract that other programs rely on. `file` is named if there is one."""
    for statement in reading:
        yield msgspec.json.encode(_as_json(statement, file)).decode()


def _as_json(statement: StatementReading | Refused, file: str | None) -> dict[str, Any]:
    head: dict[str, Any] = {"index": statement.index, "statement": statement.text}
    if file is not None:
        head["file"] = file
    if isinstance(statement, Refused):
        error = {
            "code": statement.code,
            "message": statement.message,
            "hint": statement.hint,
            "line": statement.line,
            "column": statement.column,
        }
        return head | {"ok": False, "error": error}
    return head | {
        "ok": True,
        "needs": [_need_as_json(need) for need in statement.needs],
        "reached": [_permission_as_json(item) for item in statement.reached],
        "warnings": list(statement.warnings),
    }


def _permission_as_json(permission: Permission) -> dict[str, Any]:
    return {
        "kind": permission.kind.value,
        "schema": permission.schema,
        "object": permission.object,
        "column": permission.column,
        "privilege": permission.privilege,
    }


def _need_as_json(need: Need) -> dict[str, Any]:
    return _permission_as_json(need.permission) | {"why": list(need.why)}


def place(refused: Refused, file: str | None = None) -> str:
    """Where a statement was not understood, in a file as compilers say it."""
    if file is not None:
        return f"{_one_line(file, MAX_MESSAGE)}:{refused.line}:{refused.column}"
    return f"line {refused.line}, column {refused.column}"


def to_comment(refused: Refused, file: str | None = None) -> str:
    """A line for a script of GRANTs in which a statement has no part."""
    message = _one_line(refused.message, MAX_MESSAGE)
    return f"-- {place(refused, file)}: not understood ({refused.code}): {message}"


def to_grants(permissions: Iterable[Permission], grantee: str) -> tuple[str, ...]:
    """The lines of a script that grants `grantee` the permissions, one GRANT for each object.

    For `any_column`, which no GRANT can say, the table's name stands in a comment with what has to be chosen.
    """
    lines: list[str] = []
    permissions = dict.fromkeys(permissions)
    groups: dict[tuple[str, str], list[Permission]] = {}
    for permission in sorted(permissions, key=_grant_order):
        if permission.kind is Kind.ROLE:
            lines.append(f"GRANT {quoted(permission.object or '')} TO {quoted(grantee)};")
        elif permission.kind is Kind.ANY_COLUMN:
            if not _has_column(permission, permissions):
                lines.append(f"-- choose any one column: GRANT {permission.privilege} (…) ON {_object(permission)}")
        else:
            groups.setdefault((_NOUNS[permission.kind], _object(permission)), []).append(permission)
    for (noun, name), group in groups.items():
        lines.append(f"GRANT {', '.join(_privileges(group))} ON {noun} {name} TO {quoted(grantee)};")
    return tuple(lines)


_ORDER: Final = [Kind.DATABASE, Kind.SCHEMA, Kind.ANY_COLUMN, Kind.RELATION, Kind.COLUMN]


def _grant_order(permission: Permission) -> tuple[int, str, str, str, str]:
    place = _ORDER.index(permission.kind) if permission.kind in _ORDER else len(_ORDER)
    if permission.kind is Kind.COLUMN:
        place -= 1  # a table's own privileges and those on its columns stand in one GRANT
    return place, permission.schema or "", permission.object or "", permission.privilege, permission.column or ""


def _has_column(permission: Permission, permissions: Iterable[Permission]) -> bool:
    wanted = (permission.schema, permission.object, permission.privilege)
    return any(
        item.kind in (Kind.COLUMN, Kind.RELATION) and (item.schema, item.object, item.privilege) == wanted
        for item in permissions
    )


def _privileges(group: Iterable[Permission]) -> Iterator[str]:
    columns: dict[str, list[str]] = {}
    whole: dict[str, None] = {}
    for item in group:
        if item.kind is Kind.COLUMN and item.column is not None:
            columns.setdefault(item.privilege, []).append(quoted(item.column))
        else:
            whole[item.privilege] = None
    yield from whole
    for privilege, names in columns.items():
        if privilege not in whole:
            yield f"{privilege} ({', '.join(names)})"


def _object(permission: Permission) -> str:
    name = permission.object or ""
    if permission.kind is Kind.FUNCTION:
        base, bracket, arguments = name.partition("(")
        name = f"{quoted(base)}{bracket}{arguments}"
    elif permission.kind is not Kind.LARGE_OBJECT:
        name = quoted(name)
    return name if permission.schema is None else f"{quoted(permission.schema)}.{name}"


def quoted(name: str) -> str:
    """A name as it must stand in SQL; always in quotes, so that no list of keywords is needed."""
    return '"' + name.replace('"', '""') + '"'


def to_table(reading: Reading) -> tuple[str, ...]:
    """Lines for a terminal: each statement, then what it needs and why."""
    lines: list[str] = []
    for statement in reading:
        lines.append(f"{statement.index + 1}. {_one_line(statement.text)}")
        if isinstance(statement, Refused):
            lines.append(f"   not understood ({statement.code}): {_one_line(statement.message, MAX_MESSAGE)}")
            lines.append(f"   at line {statement.line}, column {statement.column}")
            if statement.hint:
                lines.append(f"   {_one_line(statement.hint, MAX_MESSAGE)}")
            continue
        rows = [(str(need.permission), _reasons(need)) for need in statement.needs]
        width = max((len(name) for name, _ in rows), default=0)
        lines += [f"   {_one_line(name, 200):<{width}}  {why}" for name, why in rows]
        lines += [f"   reaches: {_one_line(str(item), 200)}" for item in statement.reached]
        lines += [f"   warning: {_one_line(item.message, 200)}" for item in statement.warnings]
    return tuple(lines)


def _reasons(need: Need) -> str:
    return ", ".join(f"{_one_line(why.clause)} ({why.line}:{why.column})" for why in need.why)


def _one_line(text: str, most: int = MAX_SHOWN) -> str:
    """Hostile text on a terminal: no control characters, no line ends, no more than fits."""
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
