"""Which relations of a catalog refer to which, worked out in one go over all of them and kept with it: there may be
100,000, of which few are ever looked at. By the (schema, name) of what is referred to; of what refers, the name too."""

from __future__ import annotations

from typing import Final, NamedTuple

from p0_access.errors import ReadingError
from p0_access.permissions.catalog import Catalog, Constraint, Relation
from p0_access.permissions.infer import names
from p0_access.permissions.lexer import PUNCTUATION, WORD, tokens

_REFERENCES: Final = "REFERENCES"
_ON_DELETE: Final = " ON DELETE "
_ON_UPDATE: Final = " ON UPDATE "

Name = tuple[str, str]


class Links(NamedTuple):
    """`children` are partitions and what inherits; `references` those with a foreign key to it, as often as they have
    one, and `acting` those keys that do something when it changes, without the copies that partitions have."""

    children: dict[Name, list[Name]]
    references: dict[Name, list[Name]]
    acting: dict[Name, list[tuple[Name, Constraint]]]


def links(catalog: Catalog) -> Links:
    """Takes a while over a large catalog, once."""
    key = (__name__,)
    known = catalog.memory.get(key)
    if not isinstance(known, Links):
        known = catalog.memory[key] = _read(catalog)
    return known


def _read(catalog: Catalog) -> Links:
    found = Links({}, {}, {})
    for relation in catalog.relations:
        if not relation.inherits and not relation.constraints:
            continue
        name = (relation.schema, relation.name)
        for parent in relation.inherits:
            found.children.setdefault(parent, []).append(name)
        for key in relation.constraints:
            target = _target(relation, key) if key.kind == "foreign" else None
            if target is None:
                continue
            found.references.setdefault(target, []).append(name)
            acts = _ON_DELETE in key.definition or _ON_UPDATE in key.definition
            if acts and not (relation.inherits and _is_copy(catalog, relation, key)):
                found.acting.setdefault(target, []).append((name, key))
    return found


def _target(relation: Relation, key: Constraint) -> Name | None:
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


def _is_copy(catalog: Catalog, partition: Relation, key: Constraint) -> bool:
    """Whether it is a partition's copy of a key, which acts on the whole."""
    parents = (catalog.relation(*each) for each in partition.inherits)
    return any(
        parent is not None
        and parent.kind == "partitioned"
        and any(each.kind == "foreign" and each.definition == key.definition for each in parent.constraints)
        for parent in parents
    )
