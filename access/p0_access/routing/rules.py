"""A whole rules document as a record: what `load` yields and `decide` reads."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import msgspec

from p0_access.routing.decision import Approvers, Session
from p0_access.routing.index import RuleIndex, TagIndex
from p0_access.routing.patterns import Pattern
from p0_access.routing.rule import Deny, Rule

DEFAULT_MAX_TTL: Final = 3600
"""Seconds; the cap where a document gives none."""

DEFAULT_PENDING_FOR: Final = 24 * 3600
"""Seconds that a request waits for people where a document gives none."""


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every request. `max_ttl` and `pending_for`, after which nobody can approve it, are in seconds."""

    max_ttl: int = DEFAULT_MAX_TTL
    require_reason: bool = False
    pending_for: int = DEFAULT_PENDING_FOR
    revoke: Approvers | None = None
    """Who may end any access."""
    step_up_for_writes: bool = True
    session: Session | None = None


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A loaded document. `sha256` is base64url of the hash of its bytes; `tags` maps a tag to column patterns."""

    source: str
    sha256: str
    defaults: Defaults
    tags: dict[str, tuple[Pattern, ...]]
    rules: tuple[Rule, ...]
    open_catalogs: tuple[Pattern, ...] = ()
    """Databases whose names everybody may know who is signed in."""

    @cached_property
    def ordinary(self) -> RuleSet:
        """What decides a request that is no emergency: all but the break-glass rules."""
        rules = tuple(rule for rule in self.rules if not rule.breaks_glass)
        return self if len(rules) == len(self.rules) else msgspec.structs.replace(self, rules=rules)

    @cached_property
    def emergency(self) -> RuleSet:
        """What decides an emergency: every denial first, then break-glass rules, then all others."""
        return msgspec.structs.replace(self, rules=tuple(sorted(self.rules, key=_in_emergency)))

    @cached_property
    def following(self) -> tuple[int, ...]:
        """Positions of the rules that also look at what is reached."""
        return tuple(at for at, rule in enumerate(self.rules) if rule.follows_reach)

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


def _in_emergency(rule: Rule) -> int:
    return 0 if isinstance(rule.approval, Deny) else 1 if rule.breaks_glass else 2
