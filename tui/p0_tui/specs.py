"""Permissions as people write them for an allowance, one a line, as `p0 allow --grant` reads them."""

from __future__ import annotations

from collections.abc import Iterable

from p0_access.permissions.permission import Kind, Permission
from p0_tui.names import identifier


def specs(permissions: Iterable[Permission]) -> tuple[str, ...]:
    """What CONNECT and USAGE on schemas carry comes along by itself; what cannot be written so is left out."""
    columns: dict[tuple[str, str], list[str]] = {}
    others: list[str] = []
    for item in permissions:
        if item.object is None:
            continue
        if item.schema is None:
            if item.kind is Kind.LARGE_OBJECT:
                others.append(f"{item.privilege} on large object {item.object}")
            elif item.kind is Kind.DATABASE and not item.implied:
                others.append(f"{item.privilege} on database {identifier(item.object)}")
            continue
        name = f"{identifier(item.schema)}.{identifier(item.object)}"
        match item.kind:
            case Kind.COLUMN if item.column is not None:
                columns.setdefault((item.privilege, name), []).append(identifier(item.column))
            case Kind.RELATION:
                others.append(f"{item.privilege} on {name}")
            case Kind.SEQUENCE | Kind.TYPE:
                others.append(f"{item.privilege} on {item.kind.value} {name}")
            case Kind.FUNCTION:
                function, _, types = item.object.partition("(")
                others.append(f"{item.privilege} on function {identifier(item.schema)}.{identifier(function)}({types}")
            case _:
                continue
    return (*(f"{privilege} on {name}({', '.join(names)})" for (privilege, name), names in columns.items()), *others)
