"""Reading nodes of the parser's JSON tree; see `parse` for its shape."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from p0_access.permissions.parse import Node

_COMBINING: Final[dict[tuple[str, ...], Callable[[int, int], int]]] = {("|",): operator.or_, ("+",): operator.add}


def opened(node: Node) -> tuple[str, Node]:
    """A node's type and members."""
    ((kind, members),) = node.items()
    return kind, members


def string(node: Node) -> str:
    """The text of a String node."""
    text: str = node["String"].get("sval", "")
    return text


def strings(nodes: list[Node]) -> tuple[str, ...]:
    if len(nodes) == 1:
        return (nodes[0]["String"].get("sval", ""),)
    return tuple([node["String"].get("sval", "") for node in nodes])


def literal(node: Node) -> str | None:
    """The text of a string constant, or of one cast to a type; None for anything else."""
    kind, members = opened(node)
    while kind == "TypeCast":
        kind, members = opened(members["arg"])
    if kind != "A_Const" or "sval" not in members:
        return None
    text: str = members["sval"].get("sval", "")
    return text


def location(node: Node) -> int:
    """Where an expression stands; -1 if its node does not say."""
    _, members = opened(node)
    place: int = members.get("location", 0 if "location" in members else -1)
    return place


def items(node: Node) -> list[Any]:
    """The members of a List node."""
    found: list[Any] = node["List"].get("items", [])
    return found


def integer(node: Node) -> int | None:
    """The value of a number that is written out, be it a string or bits cast to one, or an OR or sum of such; else
    None."""
    kind, members = opened(node)
    while kind == "TypeCast":
        kind, members = opened(members["arg"])
    combine = _COMBINING.get(strings(members.get("name", []))) if kind == "A_Expr" and "lexpr" in members else None
    if combine is not None:
        left, right = integer(members["lexpr"]), integer(members["rexpr"])
        return None if left is None or right is None else combine(left, right)
    if kind != "A_Const":
        return None
    if "ival" in members:
        return int(members["ival"].get("ival", 0))
    text = next((members[each].get(each, "") for each in ("sval", "fval", "bsval") if each in members), "")
    base = {"x": 16, "b": 2}.get(text[:1].lower(), 10)
    try:
        return int(text if base == 10 else text[1:], base)
    except ValueError:
        return None
