"""A whole rules document as a record: what `load` yields and `decide` reads."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import msgspec

from p0_access.routing.index import RuleIndex, TagIndex
from p0_access.routing.patterns import Pattern
from p0_access.routing.rule import Rule

DEFAULT_MAX_TTL: Final = 3600
"""Seconds; the cap where a document gives none."""


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every request. `max_ttl` is in seconds."""

    max_ttl: int = DEFAULT_MAX_TTL
    require_reason: bool = False


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A loaded document. `sha256` is base64url of the hash of its bytes; `tags` maps a tag to column patterns."""

    source: str
    sha256: str
    defaults: Defaults
    tags: dict[str, tuple[Pattern, ...]]
    rules: tuple[Rule, ...]

    @cached_property
    def index(self) -> RuleIndex:
        return RuleIndex(self.rules)

    @cached_property
    def _tag_index(self) -> TagIndex:
        return TagIndex(self.tags)

    @cached_property
    def by_name(self) -> dict[str, Rule]:
        return {rule.name: rule for rule in self.rules}

    def tags_of(self, schema: str, relation: str, column: str) -> frozenset[str]:
        """The document's own tags of a column; those from comments come on top."""
        return self._tag_index.of(schema, relation, column)
