"""For one question, which rule comes first for a permission: found out once for each thing it is the same for."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from p0_access.permissions.permission import Permission
from p0_access.routing.decision import Question
from p0_access.routing.matching import (
    RELATION_LIKE,
    Windows,
    column_misfit,
    match_reason,
    object_misfit,
    request_misfit,
)
from p0_access.routing.rules import RuleSet


class Selection:
    """Rules are named by their position in the document.

    The work is linear in rules (for the request as a whole), and for each distinct object with a privilege in the rules
    that can be about it; a further column costs only the rules that look at columns or tags.
    """

    def __init__(self, rules: RuleSet, question: Question) -> None:
        self.set: Final = rules
        self.rules: Final = rules.rules
        self.windows: Final = Windows(question.at)
        self._question = question
        self._misfits = [request_misfit(rule, question, self.windows) for rule in rules.rules]
        self._all = list(range(len(rules.rules)))
        self._following = [at for at in self._all if rules.rules[at].follows_reach]
        self._fit = [at for at in self._all if self._misfits[at] is None]
        self._following_fit = [at for at in self._following if self._misfits[at] is None]
        self._candidates: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._tags: dict[tuple[str, str, str], frozenset[str]] = {}

    def first(self, permission: Permission, column: str | None, *, reached: bool) -> int | None:
        """The first rule that matches `permission` on `column`; None for `column` is what has none."""
        for position in self._for_object(permission, reached=reached):
            if column_misfit(self.rules[position], permission, column, self._tags_of(permission, column)) is None:
                return position
        return None

    def depends_on_columns(self, permission: Permission, *, reached: bool) -> bool:
        candidates = self._for_object(permission, reached=reached)
        return bool(candidates) and self.rules[candidates[0]].resource.selects_columns

    def passed(self, before: int, most: int, *, reached: bool) -> tuple[list[int], int]:
        """At most `most` of the rules that were held against a permission before the one at `before`, and how many more
        there were. If there are more, those that don't fit the request as a whole go first."""
        held, fitting = (self._following, self._following_fit) if reached else (self._all, self._fit)
        count = bisect_left(held, before)
        if count <= most:
            return held[:count], 0
        shown = fitting[: min(most, bisect_left(fitting, before))]
        return shown, count - len(shown)

    def misfit(self, position: int, permission: Permission, column: str | None) -> str:
        """The first thing that does not fit, of a rule that does not match."""
        rule = self.rules[position]
        found = (
            self._misfits[position]
            or object_misfit(rule, permission)
            or column_misfit(rule, permission, column, self._tags_of(permission, column))
        )
        assert found is not None, "asked why a rule that matches doesn't"
        return found

    def reason(self, position: int, permission: Permission, column: str | None) -> str:
        """Why a rule that matches does."""
        return match_reason(self.rules[position], permission, column, self._tags_of(permission, column))

    def _for_object(self, permission: Permission, *, reached: bool) -> tuple[int, ...]:
        """Rules that fit in all but perhaps the column, up to the first that fits whatever the column."""
        on_relation = permission.kind in RELATION_LIKE
        schema, name = permission.schema or "", permission.object or ""
        key = (on_relation or permission.kind, schema, name, permission.privilege, reached)
        found = self._candidates.get(key)
        if found is None:
            possible = self.set.index.about(schema, name) if on_relation else self.set.index.elsewhere
            found = self._candidates[key] = self._fitting(permission, possible, reached=reached)
        return found

    def _fitting(self, permission: Permission, possible: list[int], *, reached: bool) -> tuple[int, ...]:
        found: list[int] = []
        for position in possible:
            rule = self.rules[position]
            if self._misfits[position] is not None or (reached and not rule.follows_reach):
                continue
            if object_misfit(rule, permission) is None:
                found.append(position)
                if permission.kind not in RELATION_LIKE or not rule.resource.selects_columns:
                    break
        return tuple(found)

    def _tags_of(self, permission: Permission, column: str | None) -> frozenset[str]:
        if column is None:
            return frozenset()
        key = (permission.schema or "", permission.object or "", column)
        if key not in self._tags:
            self._tags[key] = self.set.tags_of(*key) | self._question.tags.get(key, frozenset())
        return self._tags[key]
