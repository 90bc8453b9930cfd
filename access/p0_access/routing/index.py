"""Which patterns can fit a name at all: look-ups, so that a long document costs little for each relation and column.

They only leave out what `matching` would turn down, and may give more; they never decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from p0_access.routing.patterns import Part, Pattern
from p0_access.routing.rule import Rule

T = TypeVar("T")


class Names(Generic[T]):
    """Items under patterns of one name, found by what a pattern starts with, or else by what it ends with."""

    def __init__(self) -> None:
        self._exact: Final[dict[str, list[T]]] = {}
        self._starting: Final[dict[str, list[T]]] = {}
        self._ending: Final[dict[str, list[T]]] = {}
        self._any: Final[list[T]] = []

    def add(self, part: Part | None, item: T) -> None:
        """None fits every name."""
        if part is None:
            self._any.append(item)
        elif part.literal:
            self._exact.setdefault(part.text, []).append(item)
        else:
            start, *_, end = re.split(r"[*?]", part.text)
            if start:
                self._starting.setdefault(start, []).append(item)
            elif end:
                self._ending.setdefault(end, []).append(item)
            else:
                self._any.append(item)

    def near(self, name: str) -> list[T]:
        """Every item whose pattern fits `name`, and perhaps others; one may come twice."""
        found = [*self._any, *self._exact.get(name, ())]
        if self._starting:
            for end in range(1, len(name) + 1):
                found += self._starting.get(name[:end], ())
        if self._ending:
            for start in range(len(name)):
                found += self._ending.get(name[start:], ())
        return found


class Relations:
    """Positions of rules by the relations that they may be about."""

    def __init__(self) -> None:
        self._by_schema: Final[dict[str | None, Names[int]]] = {None: Names()}

    def add(self, position: int, rule: Rule) -> None:
        resource = rule.resource
        narrowest: Iterable[Pattern | None] = resource.relations or resource.columns or resource.schemas or (None,)
        for pattern in narrowest:
            schema = pattern.parts[0].text if pattern is not None and pattern.parts[0].literal else None
            relation = pattern.parts[1] if pattern is not None and len(pattern.parts) > 1 else None
            self._by_schema.setdefault(schema, Names()).add(relation, position)

    def about(self, schema: str, relation: str) -> list[int]:
        """In order."""
        found = self._by_schema[None].near(relation)
        if schema in self._by_schema:
            found += self._by_schema[schema].near(relation)
        return sorted(set(found)) if len(found) > 1 else found


class RuleIndex:
    """Positions of rules, in order of the document."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.whole: Final = Relations()
        """Rules about relations that don't look at columns."""
        self.below: Final = Relations()
        """Rules that do, by the relation."""
        self._by_column: Final[Names[int]] = Names()
        self._by_tag: Final[dict[str, list[int]]] = {}
        self.looks_at_columns = False
        self.elsewhere: Final[list[int]] = []
        """Rules that may be about something other than a relation."""
        for position, rule in enumerate(rules):
            resource = rule.resource
            if resource.selects_columns:
                self._place(position, rule)
            elif not resource.selects or resource.selects_relations:
                self.whole.add(position, rule)
            if not resource.selects or resource.selects_others:
                self.elsewhere.append(position)

    @property
    def looks_at_tags(self) -> bool:
        return bool(self._by_tag)

    def about_column(self, column: str) -> set[int]:
        """Rules that look at columns by name and may be about one of this name, in whatever relation."""
        return set(self._by_column.near(column))

    def about_tags(self, tags: Iterable[str]) -> set[int]:
        """Rules that are about one of these tags."""
        return {position for tag in tags for position in self._by_tag.get(tag, ())}

    def _place(self, position: int, rule: Rule) -> None:
        self.looks_at_columns = True
        self.below.add(position, rule)
        for tag in rule.resource.tags or ():
            self._by_tag.setdefault(tag, []).append(position)
        if rule.resource.tags is None:
            for pattern in rule.resource.columns or ():
                self._by_column.add(pattern.parts[2], position)


class TagIndex:
    """The tags that a document itself gives to columns."""

    def __init__(self, tags: dict[str, tuple[Pattern, ...]]) -> None:
        self._by_column: Final[Names[tuple[str, Pattern]]] = Names()
        for tag, patterns in tags.items():
            for pattern in patterns:
                self._by_column.add(pattern.parts[2], (tag, pattern))

    def of(self, schema: str, relation: str, column: str) -> frozenset[str]:
        near = self._by_column.near(column)
        return frozenset(tag for tag, pattern in near if pattern.fits(schema, relation, column))
