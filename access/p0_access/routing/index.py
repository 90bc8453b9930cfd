"""Which rules can be about a relation at all: a look-up, so that a long document costs little for each relation.

It only leaves out rules that `matching.object_misfit` would turn down by schema or relation; it never decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from p0_access.routing.patterns import Pattern
from p0_access.routing.rule import Rule


class RuleIndex:
    """Positions of rules, in order of the document."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_relation: Final[dict[tuple[str, str], list[int]]] = {}
        self._by_schema: Final[dict[str, list[int]]] = {}
        self._anywhere: Final[list[int]] = []
        self.elsewhere: Final[list[int]] = []
        """Rules that may be about something other than a relation."""
        for position, rule in enumerate(rules):
            resource = rule.resource
            if not resource.selects or resource.selects_relations:
                self._place(position, rule)
            if not resource.selects or resource.functions or resource.sequences or resource.roles:
                self.elsewhere.append(position)

    def about(self, schema: str, relation: str) -> list[int]:
        """Rules that may be about this relation."""
        exact = self._by_relation.get((schema, relation), ())
        within = self._by_schema.get(schema, ())
        return sorted({*exact, *within, *self._anywhere})

    def _place(self, position: int, rule: Rule) -> None:
        resource = rule.resource
        narrowest: Iterable[Pattern | None] = resource.relations or resource.columns or resource.schemas or (None,)
        for pattern in narrowest:
            if pattern is None or not pattern.parts[0].literal:
                self._anywhere.append(position)
            elif len(pattern.parts) == 1 or not pattern.parts[1].literal:
                self._by_schema.setdefault(pattern.parts[0].text, []).append(position)
            else:
                key = (pattern.parts[0].text, pattern.parts[1].text)
                self._by_relation.setdefault(key, []).append(position)
