"""Which tables refer to which: foreign keys, from the referenced side, and what they do there (tablecmds.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Constraint, Relation
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import bodies, body_reader
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.links import links
from p0_access.permissions.infer.tree import strings
from p0_access.permissions.parse import Node, parse
from p0_access.permissions.places import Places

Event = Literal["delete", "update"]

_ACTIONS: Final[dict[str, Literal["cascade", "null", "default"]]] = {"c": "cascade", "n": "null", "d": "default"}


class Action(NamedTuple):
    """What a foreign key does to the rows of `table` when the rows that they refer to are deleted or updated: they are
    deleted, too, where `columns` is empty, or else those are set. `does` is its clause; `watched` are the referenced
    columns."""

    table: Relation
    name: str
    does: Literal["cascade", "null", "default"]
    columns: tuple[str, ...]
    watched: tuple[str, ...]


def actions(context: Context, table: Relation, event: Event) -> tuple[Action, ...]:
    """What foreign keys do on `event` to the table, not counting what it is a partition of or has beneath it."""
    found: list[Action] = []
    for name, key in links(context.catalog).acting.get((table.schema, table.name), ()):
        relation = context.catalog.relation(*name)
        if relation is None:
            raise RuntimeError("a catalog has what its links name")
        node = _node(context, relation, key)
        does = _ACTIONS.get(node.get("fk_del_action" if event == "delete" else "fk_upd_action", ""))
        if does is None or not node.get("is_enforced"):
            continue
        own = strings(node["fk_attrs"])
        if event == "delete":
            own = () if does == "cascade" else strings(node.get("fk_del_set_cols", [])) or own
        found.append(Action(relation, key.name, does, own, strings(node["pk_attrs"])))
    return tuple(found)


def with_referencing(context: Context, found: Relation) -> Iterator[Relation]:
    """A table and all that foreign keys lead to it from, however far (heap_truncate_find_FKs). The keys of partitions
    are known by those of what they are partitions of, and the other way round."""
    yield found
    seen = {(found.schema, found.name)}
    queue = [found]
    while queue:
        current = queue.pop()
        for family in (current, *ancestors(context, current), *descendants(context, current)):
            for name in links(context.catalog).references.get((family.schema, family.name), ()):
                context.spend(1)
                other = None if name in seen else context.catalog.relation(*name)
                if other is not None:
                    seen.add(name)
                    queue.append(other)
                    yield other


def ancestors(context: Context, table: Relation) -> Iterator[Relation]:
    """What a table is a partition or child of, however far; each once."""
    seen = {(table.schema, table.name)}
    queue = list(table.inherits)
    while queue:
        parent = queue.pop()
        known = context.catalog.relation(*parent)
        if known is not None and parent not in seen:
            seen.add(parent)
            queue += known.inherits
            yield known


def descendants(context: Context, table: Relation) -> Iterator[Relation]:
    """Its partitions and children, however far; each once."""
    for child in bodies.descendants(context, table):
        context.spend(1)
        yield child


def _node(context: Context, relation: Relation, key: Constraint) -> Node:
    """The parser's node of a foreign key."""
    label = f"{relation.schema}.{relation.name} {key.name}"

    def read() -> Node:
        text = f"ALTER TABLE t ADD {key.definition}"
        try:
            (statement,) = parse(guard(text), Places(text))
            found: Node = statement.node["cmds"][0]["AlterTableCmd"]["def"]["Constraint"]
        except (ReadingError, LookupError) as error:
            raise RefusedError("foreign_key", f"the foreign key {label} cannot be read: {error}") from error
        return found

    return body_reader.remembered(context, f"foreign key {label}", read)
