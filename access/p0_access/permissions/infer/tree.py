"""Reading nodes of the parser's JSON tree; see `parse` for its shape."""

from __future__ import annotations

from typing import Any

from p0_access.permissions.parse import Node


def opened(node: Node) -> tuple[str, Node]:
    """A node's type and members."""
    ((kind, members),) = node.items()
    return kind, members


def string(node: Node) -> str:
    """The text of a String node."""
    text: str = node["String"].get("sval", "")
    return text


def strings(nodes: list[Node]) -> tuple[str, ...]:
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
