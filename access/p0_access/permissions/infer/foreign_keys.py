"""Which tables refer to which: foreign keys, from the referenced side, and what they do there (tablecmds.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Constraint, Relation
from p0_access.permissions.guard import guard
from p0_access.permissions.infer import bodies, body_reader, names
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.tree import strings
from p0_access.permissions.lexer import PUNCTUATION, WORD, tokens
from p0_access.permissions.parse import Node, parse
from p0_access.permissions.places import Places

Event = Literal["delete", "update"]

_REFERENCES: Final = "REFERENCES"
_ON_DELETE: Final = " ON DELETE "
_ON_UPDATE: Final = " ON UPDATE "
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

    def read() -> dict[tuple[str, str], list[tuple[Relation, Constraint]]]:
        found: dict[tuple[str, str], list[tuple[Relation, Constraint]]] = {}
        for relation in context.catalog.relations:
            for key in relation.constraints:
                if key.kind == "foreign" and (_ON_DELETE in key.definition or _ON_UPDATE in key.definition):
                    target = _target(relation, key)
                    if target is not None and not (relation.inherits and _is_copy(context, relation, key)):
                        found.setdefault(target, []).append((relation, key))
        return found

    acting = body_reader.remembered(context, "foreign keys that act", read)
    found: list[Action] = []
    for relation, key in acting.get((table.schema, table.name), ()):
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
            for other in _references(context).get((family.schema, family.name), ()):
                context.spend(1)
                if (other.schema, other.name) not in seen:
                    seen.add((other.schema, other.name))
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


def _references(context: Context) -> dict[tuple[str, str], list[Relation]]:
    """By (schema, name) of a table, those with a foreign key to it; worked out once for a catalog."""

    def read() -> dict[tuple[str, str], list[Relation]]:
        by_target: dict[tuple[str, str], list[Relation]] = {}
        for each in context.catalog.relations:
            for constraint in each.constraints:
                target = _target(each, constraint) if constraint.kind == "foreign" else None
                if target is not None:
                    by_target.setdefault(target, []).append(each)
        return by_target

    return body_reader.remembered(context, "references", read)


def _target(relation: Relation, key: Constraint) -> tuple[str, str] | None:
    """The (schema, name) of what a foreign key refers to."""
    if '"' not in key.definition:  # of a catalog with many tables, all keys are looked at
        _, _, text = key.definition.partition(" REFERENCES ")
        schema, dot, name = text.partition("(")[0].strip().partition(".")
        return (schema, name) if dot else (relation.schema, schema)
    found = _after_references(key.definition)
    parts = None if found is None else names.qualified(found)
    return None if parts is None else (parts[-2] if len(parts) > 1 else relation.schema, parts[-1])


def _after_references(definition: str) -> str | None:
    """The name after REFERENCES, which may stand in names before it, too."""
    begin = -1
    try:
        for kind, start, end in tokens(definition):
            if kind == WORD and definition[start:end] == _REFERENCES:
                begin = end
            elif begin >= 0 and kind == PUNCTUATION and definition[start] == "(":
                return definition[begin:start]
    except ReadingError:
        return None
    return None


def _is_copy(context: Context, partition: Relation, key: Constraint) -> bool:
    """Whether it is a partition's copy of a key, which acts on the whole."""
    parents = (context.catalog.relation(*each) for each in partition.inherits)
    return any(
        parent is not None
        and parent.kind == "partitioned"
        and any(each.kind == "foreign" and each.definition == key.definition for each in parent.constraints)
        for parent in parents
    )


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
