"""The catalog snapshot: what exists in a database, without any of its data.

The agent makes it, signs its digest and publishes it; everybody else reads from it. `version` changes whenever the
content
does, so that a client can tell that its copy is stale.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, Literal

import msgspec

from p0_access.packed import Listing, Packed, T, listed

MAX_FOUND: Final = 16_384
"""Names whose relations or functions a catalog keeps at hand, or that it has none of that name."""

RelationKind = Literal["table", "partitioned", "view", "matview", "foreign", "sequence"]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """`default` is the expression as PostgreSQL prints it; `identity` and `generated` as in pg_attribute."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    identity: Literal["", "always", "by_default"] = ""
    generated: Literal["", "stored", "virtual"] = ""
    comment: str | None = None


class Constraint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    name: str
    kind: Literal["primary", "unique", "foreign", "check", "exclude"]
    columns: tuple[str, ...] = ()
    definition: str = ""


class Trigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A trigger that is enabled. `columns` are those of UPDATE OF; `when` is its condition over NEW and OLD;
    `function` is its (schema, name), which takes no arguments; `old_table` and `new_table` name its transition
    tables; `before` says that it fires before the row or statement."""

    name: str
    events: tuple[Literal["insert", "update", "delete", "truncate"], ...]
    function: tuple[str, str]
    columns: tuple[str, ...] = ()
    when: str | None = None
    before: bool = False
    instead: bool = False
    old_table: str | None = None
    new_table: str | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A row-level security policy. `roles` are those it is for; `public` says that it is for everybody. Without a
    `permissive` one for its command no row passes."""

    name: str
    command: Literal["all", "select", "insert", "update", "delete"] = "all"
    public: bool = True
    roles: tuple[str, ...] = ()
    using: str | None = None
    check: str | None = None
    permissive: bool = True


class Relation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """`columns` are in attribute order, dropped ones left out. `serials` maps a column to the (schema, sequence) that
    its
    default draws from. The flags say that PostgreSQL will check more than the statement names: `fires`, `policies` and
    `index_expressions` say what, and `rewrites` the definitions of enabled rules (None: not known). `partition_key` is
    what tells the partitions of a partitioned table, as PostgreSQL prints it. Of a view `check_option` says that it
    holds its condition against what is written through it.

    `owner` is there for views and for tables with row security, whose policies bind the owners of views too: but for
    who owns the table itself, unless it has them `forced`, and who is `above_policies` (a superuser, or BYPASSRLS).

    `unreadable`, here and below: PostgreSQL could not print some definition of it, so that what it does is not known.
    """

    schema: str
    name: str
    kind: RelationKind
    columns: tuple[Column, ...] = ()
    comment: str | None = None
    constraints: tuple[Constraint, ...] = ()
    serials: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    inherits: tuple[tuple[str, str], ...] = ()
    row_security: bool = False
    triggers: bool = False
    rules: bool = False
    security_invoker: bool = False
    check_option: bool = False
    owner: str = ""
    above_policies: bool = False
    forced: bool = False
    definition: str | None = None
    fires: tuple[Trigger, ...] | None = None
    policies: tuple[Policy, ...] | None = None
    index_expressions: tuple[str, ...] = ()
    rewrites: tuple[str, ...] | None = None
    partition_key: str | None = None
    unreadable: bool = False


class Function(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """`arguments` are the identity arguments, as pg_get_function_identity_arguments prints them. `public` tells
    whether PUBLIC
    may execute it. Only functions outside pg_catalog are listed.

    `types` are the input arguments' types, in order; `defaults` says how many of the last ones may be left out, and
    `default_values` what each of those then is, as PostgreSQL prints it. `body`
    is the source text of an SQL or PL/pgSQL function (None: not known), `settings` what SET clauses pin while it runs.
    `parts` are the (schema, name, identity) of the functions, other than compiled ones, that an aggregate calls.
    """

    schema: str
    name: str
    arguments: str
    returns: str
    kind: Literal["function", "procedure", "aggregate", "window"] = "function"
    language: str = "sql"
    security_definer: bool = False
    public: bool = True
    comment: str | None = None
    types: tuple[str, ...] | None = None
    defaults: int = 0
    default_values: tuple[str, ...] = ()
    volatility: Literal["immutable", "stable", "volatile"] = "volatile"
    body: str | None = None
    settings: tuple[str, ...] = ()
    parts: tuple[tuple[str, str, str], ...] = ()
    unreadable: bool = False

    @property
    def identity(self) -> str:
        """The arguments that GRANT … ON FUNCTION tells it by."""
        return self.arguments if self.types is None else ", ".join(self.types)


class Type(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A type outside pg_catalog that is not a relation's row type. `columns` are those of a composite type; `checks`
    are a domain's conditions over VALUE, as PostgreSQL prints them, and `base` is what it constrains; `subtype` is what
    a range or multirange is of. `public` tells whether PUBLIC may use it in what it defines."""

    schema: str
    name: str
    kind: Literal["base", "composite", "domain", "enum", "range", "multirange"]
    columns: tuple[Column, ...] = ()
    base: str | None = None
    subtype: str | None = None
    default: str | None = None
    checks: tuple[str, ...] = ()
    comment: str | None = None
    public: bool = True
    unreadable: bool = False


class Operator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """An operator outside pg_catalog and the (schema, name) of the function behind it. `left` is None for a prefix
    operator."""

    schema: str
    name: str
    left: str | None
    right: str
    function: tuple[str, str]


class Cast(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A cast by a function, its (schema, name, identity), that is not compiled or not for everybody. `context` is what
    it is used for without being written."""

    source: str
    target: str
    function: tuple[str, str, str]
    context: Literal["explicit", "assignment", "implicit"] = "explicit"


class EventTrigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """An event trigger that fires and does more than compute: on `event`, of the commands `tags` or, without any, of
    all. `function` is its (schema, name)."""

    name: str
    event: str
    function: tuple[str, str]
    tags: tuple[str, ...] = ()


class Catalog(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """One database's snapshot. `version` is a digest of everything else; `server_version` is the major version.

    `support` are the (schema, name, identity) of functions, other than compiled ones, that PostgreSQL calls for
    statements which do not name them.

    There may be 100,000 relations, and `catalog_text` packs them: whoever goes through all of them has each decoded,
    and should look at their names instead, or at what was once worked out from them (`memory`).
    """

    database: str
    version: str
    server_version: int
    schemas: tuple[str, ...]
    relations: Sequence[Relation]
    functions: Sequence[Function] = ()
    types: tuple[Type, ...] = ()
    operators: tuple[Operator, ...] = ()
    casts: tuple[Cast, ...] = ()
    support: tuple[tuple[str, str, str], ...] = ()
    event_triggers: tuple[EventTrigger, ...] = ()

    def __post_init__(self) -> None:
        """msgspec decodes a sequence as a list."""
        for name in ("relations", "functions"):
            if isinstance(records := getattr(self, name), list):
                msgspec.structs.force_setattr(self, name, tuple(records))

    def tables(self, initial: str = "") -> Iterator[tuple[str, str]]:
        """The (schema, name) of each relation but sequences, in order; of those with that first letter in either case,
        where one is given."""
        for schema, (names, kinds, _) in self.relation_listings.items():
            for letter in sorted({initial.upper(), initial.lower()}):
                first = bisect_left(names, letter)
                last = bisect_left(names, f"{letter}{chr(sys.maxunicode)}", first) if letter else len(names)
                yield from ((schema, names[at]) for at in range(first, last) if kinds[at] != "sequence")

    def routines(self) -> Iterator[tuple[str, str]]:
        """The (schema, name) of each function, in order, as often as there are functions of that name."""
        for schema, listing in self.function_listings.items():
            yield from ((schema, name) for name in listing.names)

    @cached_property
    def relation_listings(self) -> Mapping[str, Listing]:
        """By schema."""
        return _listings(self.relations)

    @cached_property
    def _relation(self) -> Callable[[str, str], Relation | None]:
        relations, listings = self.relations, self.relation_listings

        @lru_cache(MAX_FOUND)
        def find(schema: str, name: str) -> Relation | None:
            places = listings[schema].find(name) if schema in listings else ()
            return relations[places[-1]] if places else None

        return find

    def relation(self, schema: str, name: str) -> Relation | None:
        return self._relation(schema, name)

    @cached_property
    def function_listings(self) -> Mapping[str, Listing]:
        """By schema."""
        return _listings(self.functions)

    @cached_property
    def _functions(self) -> Callable[[str, str], tuple[Function, ...]]:
        functions, listings = self.functions, self.function_listings

        @lru_cache(MAX_FOUND)
        def find(schema: str, name: str) -> tuple[Function, ...]:
            places = listings[schema].find(name) if schema in listings else ()
            return tuple(functions[place] for place in places)

        return find

    def functions_named(self, schema: str, name: str) -> tuple[Function, ...]:
        return self._functions(schema, name)

    @cached_property
    def function_names(self) -> frozenset[str]:
        """Without their schemas."""
        return frozenset(name for listing in self.function_listings.values() for name in listing.names)

    @cached_property
    def _types_by_name(self) -> dict[tuple[str, str], Type]:
        return {(item.schema, item.name): item for item in self.types}

    def type(self, schema: str, name: str) -> Type | None:
        return self._types_by_name.get((schema, name))

    @cached_property
    def _operators_by_name(self) -> dict[str, tuple[Operator, ...]]:
        found: dict[str, tuple[Operator, ...]] = {}
        for item in self.operators:
            found[item.name] = (*found.get(item.name, ()), item)
        return found

    def operators_named(self, name: str) -> tuple[Operator, ...]:
        return self._operators_by_name.get(name, ())

    @cached_property
    def memory(self) -> dict[tuple[str, ...], object]:
        """What readers of this snapshot work out once and keep with it, by a key of their own. Never serialised."""
        return {}


def _listings(records: Sequence[T]) -> Mapping[str, Listing]:
    return records.listings if isinstance(records, Packed) else listed([records])
