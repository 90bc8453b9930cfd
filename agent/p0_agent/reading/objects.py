"""What a statement runs besides what its tree shows, by OID and with a digest of each definition.

The digests are signed with the admission: a view, function, trigger, policy or domain that is redefined before the
access is collected makes the statement another one. The definitions are also what the kernel's additions are held
against: a need that no tree shows must come from a text in here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

import msgspec

from p0_access.encoding import sha256_b64u
from p0_access.messages.records import ReachedObject
from p0_access.permissions.builtin import OPAQUE_EXTENSION_FUNCTIONS, OPAQUE_EXTENSION_PREFIXES
from p0_access.permissions.catalog import Catalog
from p0_agent.errors import AgentError
from p0_agent.postgres.connections import Connection
from p0_agent.postgres.queries import query
from p0_agent.reading import vocabulary
from p0_agent.reading.names import Names
from p0_agent.reading.required import functions
from p0_agent.reading.tree import FIRST_OWN_OID, Tree
from p0_agent.reading.vocabulary import WORD

MAX_ROUNDS: Final = 16
"""Of functions that name functions that name functions."""

_DELETES: Final = 8
_WRITES: Final = 1 | 4 | _DELETES | 16
_EVENTS: Final = {"delete": re.compile(r"delete|merge"), "update": re.compile(r"update|merge")}
"""What foreign keys act on, by the words that bring it about."""
_COMPILED: Final = frozenset({"c", "internal"})
_ESCAPED: Final = 'u&"'


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """`relation` is what a view, rule, trigger, policy or expression belongs to, and whose rows a foreign key changes
    along with those that they refer to (`cascade`). `expression` is the kind of a default, check or index that is no
    object of its own. `for_reader`: a policy that names the agent's own reader. `in_force` is false of a policy that
    does not bind whoever asks, and so stands in no tree; `covered` of a foreign key of a table that is not in the
    schemas of the catalog."""

    kind: str
    oid: int
    relation: int | None
    name: str
    definition: str
    language: str | None
    for_reader: bool
    in_force: bool = True
    covered: bool = True


class Beneath(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What was found beneath one statement; `shown` are the relations that its tree shows all of."""

    definitions: tuple[Definition, ...] = ()
    shown: frozenset[int] = frozenset()

    @property
    def objects(self) -> tuple[ReachedObject, ...]:
        return tuple(
            ReachedObject(kind=each.kind, oid=each.oid, name=each.name, digest=sha256_b64u(each.definition.encode()))
            for each in self.definitions
            if each.kind != "expression"
        )

    @property
    def runs_unseen(self) -> bool:
        """Whether there are functions whose doings no tree shows, or foreign keys that change other tables. (Compiled
        functions that only compute do nothing.)"""
        return any(
            each.kind == "cascade" or (each.kind == "function" and not _only_computes(each))
            for each in self.definitions
        )

    @property
    def cascades_away(self) -> tuple[str, ...]:
        """Foreign keys that change tables of which the catalog knows nothing."""
        return tuple(each.name for each in self.definitions if each.kind == "cascade" and not each.covered)

    def mentions(self, name: str) -> bool:
        """Whether a text that no tree shows has this name in it, or may: names in it are spelled otherwise."""
        if _ESCAPED in self._unseen:
            return True
        folded = name.lower().replace('"', '""')  # as it stands within quotes
        return folded in self._words if WORD.fullmatch(folded) else folded in self._unseen

    @cached_property
    def _unseen(self) -> str:
        return "\n".join(
            each.definition.lower()
            for each in self.definitions
            if each.kind != "cascade"
            and not (each.kind in ("view", "policy", "rule") and each.relation in self.shown and each.in_force)
        )

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(WORD.findall(self._unseen))


_DECODER: Final = msgspec.json.Decoder(tuple[Definition, ...])


async def beneath(
    connection: Connection,
    catalog: Catalog,
    tree: Tree,
    names: Names,
    *,
    text: str = "",
    relations: Iterable[str] = (),
    routines: Iterable[str] = (),
) -> Beneath:
    """What is beneath a statement. `text` is SQL in it that was not analysed; to `relations` it writes, and `routines`
    it calls, by name."""
    relation_names = set(relations)
    if not (text or relation_names or _has_depth(tree, names)):
        return Beneath()
    routine_names = set(routines) | vocabulary.routines(catalog).mentioned(text)
    events: set[str] = set()
    for _ in range(MAX_ROUNDS):
        found = await _query(connection, catalog, tree, sorted(relation_names), sorted(routine_names), events)
        bodies = "\n".join(
            vocabulary.without_comments(each.definition)
            for each in found
            if each.kind == "function" and not _compiled(each)
        )
        more_relations = vocabulary.relations(catalog).mentioned(bodies) - relation_names
        more_routines = vocabulary.routines(catalog).mentioned(bodies) - routine_names
        more_events = {event for event, words in _EVENTS.items() if words.search(bodies.lower())} - events
        if not more_relations and not more_routines and not more_events:
            return _checked(Beneath(definitions=found, shown=tree.relations))
        relation_names |= more_relations
        routine_names |= more_routines
        events |= more_events
    raise AgentError("functions in functions are nested too deeply", code="too_complex")


async def _query(
    connection: Connection,
    catalog: Catalog,
    tree: Tree,
    relation_names: list[str],
    routine_names: list[str],
    events: Iterable[str],
) -> tuple[Definition, ...]:
    updated = sorted({(each.relation, column) for each in tree.mentions for column in each.updated})
    wanted = {
        "schemas": list(catalog.schemas),
        "relations": sorted(each for each in tree.relations if each >= FIRST_OWN_OID),
        "written": sorted({each.relation for each in tree.mentions if each.required & _WRITES}),
        "deleted": sorted({each.relation for each in tree.mentions if each.required & _DELETES}),
        "updated": [relation for relation, _ in updated],
        "updated_columns": [column for _, column in updated],
        "events": sorted(events),
        "functions": sorted(each for each in tree.functions if each >= FIRST_OWN_OID),
        "operators": sorted(each for each in tree.operators if each >= FIRST_OWN_OID),
        "types": sorted(each for each in tree.types if each >= FIRST_OWN_OID),
        "relation_names": relation_names,
        "routine_names": routine_names,
    }
    cursor = await connection.execute(query("objects", __package__), wanted)
    row = await cursor.fetchone()
    return () if row is None or row[0] is None else _DECODER.decode(str(row[0]))


def _has_depth(tree: Tree, names: Names) -> bool:
    """Whether anything but plain tables and PostgreSQL's own functions is in the statement, or it writes."""
    return (
        any(each.required & _WRITES for each in tree.mentions)
        or any(each >= FIRST_OWN_OID for each in tree.types | tree.operators)
        or any(not each.system for each in functions(tree, names))
        or any(
            found.row_security or found.kind in ("v", "m")
            for found in map(names.relations.get, tree.relations)
            if found is not None and not found.system
        )
    )


def _checked(found: Beneath) -> Beneath:
    if any(each.for_reader for each in found.definitions):
        raise AgentError(
            "a row-security policy names the agent's reader, who would see other conditions than the login",
            code="policy_for_reader",
            hint="Policies must not name the reader.",
        )
    return found


def _compiled(found: Definition) -> bool:
    return found.language in _COMPILED


def _only_computes(found: Definition) -> bool:
    name = found.name.partition("(")[0].rpartition(".")[2]
    opaque = name in OPAQUE_EXTENSION_FUNCTIONS or name.startswith(OPAQUE_EXTENSION_PREFIXES)
    return _compiled(found) and not opaque
