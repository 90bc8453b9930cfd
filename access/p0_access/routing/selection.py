"""For one question, which rule comes first for a permission: found out once for each thing it is the same for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from p0_access.permissions.permission import Kind, Permission
from p0_access.routing.decision import Question
from p0_access.routing.matching import (
    RELATION_LIKE,
    Windows,
    column_misfit,
    match_reason,
    object_misfit,
    request_misfit,
)
from p0_access.routing.rule import Rule
from p0_access.routing.rules import RuleSet

FEW: Final = 8
"""So many rules are held against a column sooner than it is looked up which of them are about the relation."""

_Object = tuple[object, str, str, str, bool]


class _Fitting:
    """For an object with a privilege: the first rule that decides whatever the column, and which rules fit it."""

    def __init__(self, reached: bool) -> None:  # noqa: FBT001  what `known` is about
        self.reached: Final = reached
        self.whole: int | None = None
        self.known: Final[dict[int, bool]] = {}


class _Held:
    """Rules that are held against permissions, in order, and which of them fit the request as a whole."""

    def __init__(self, positions: Sequence[int], fits: Callable[[int], bool]) -> None:
        self.positions: Final = positions
        self._fits: Final = fits
        self._fitting: Final[list[int]] = []
        self._looked_at = 0

    def fitting(self, before: int, most: int) -> list[int]:
        """At most `most` of those that fit, before the rule at `before`."""
        while len(self._fitting) < most and self._looked_at < len(self.positions):
            position = self.positions[self._looked_at]
            if position >= before:
                break
            if self._fits(position):
                self._fitting.append(position)
            self._looked_at += 1
        return [position for position in self._fitting[:most] if position < before]


class Selection:
    """Rules are named by their position in the document.

    The work is linear, for each distinct object with a privilege, in the rules that can be about it; a further column
    costs only the rules that can be about a column of its name or with its tags.
    """

    def __init__(self, rules: RuleSet, question: Question) -> None:
        self.set: Final = rules
        self.rules: Final = rules.rules
        self._index: Final = rules.index
        self.windows: Final = Windows(question.at)
        self._question = question
        self._misfits: dict[int, str | None] = {}
        self._all = _Held(range(len(rules.rules)), self._fits_request)
        self._following = _Held(rules.following, self._fits_request)
        self._objects: dict[_Object, _Fitting] = {}
        self._below: dict[tuple[str, str], set[int]] = {}
        self._about_column: dict[str, set[int]] = {}
        self._about_tags: dict[tuple[str, str, frozenset[str]], list[int]] = {}
        self._tags: dict[tuple[str, str, str], frozenset[str]] = {}

    def first(self, permission: Permission, column: str | None, *, reached: bool) -> int | None:
        """The first rule that matches `permission` on `column`; None for `column` is what has none."""
        fitting = self._fitting(permission, reached=reached)
        if column is None or not self._index.looks_at_columns:
            return fitting.whole
        for position in self._near(permission, column):
            if fitting.whole is not None and position > fitting.whole:
                break
            if self._fits(position, permission, fitting) and self._column_misfit(position, permission, column) is None:
                return position
        return fitting.whole

    def depends_on_columns(self, permission: Permission, *, reached: bool) -> bool:
        """Whether a rule that looks at columns would come first for some of them."""
        if permission.kind not in RELATION_LIKE:
            return False
        fitting = self._fitting(permission, reached=reached)
        before = len(self.rules) if fitting.whole is None else fitting.whole
        below = self._below_of(permission)
        return any(position < before and self._fits(position, permission, fitting) for position in below)

    def passed(self, before: int, most: int, *, reached: bool) -> tuple[list[int], int]:
        """At most `most` of the rules that were held against a permission before the one at `before`, and how many more
        there were. If there are more, those that don't fit the request as a whole go first."""
        held = self._following if reached else self._all
        count = bisect_left(held.positions, before)
        shown = list(held.positions[:count]) if count <= most else held.fitting(before, most)
        return shown, count - len(shown)

    def misfit(self, position: int, permission: Permission, column: str | None) -> str:
        """The first thing that does not fit, of a rule that does not match."""
        rule = self.rules[position]
        found = (
            self._request_misfit(position)
            or object_misfit(rule, permission, definer=self._is_definer(permission))
            or self._column_misfit(position, permission, column)
        )
        assert found is not None, "asked why a rule that matches doesn't"
        return found

    def reason(self, position: int, permission: Permission, column: str | None) -> str:
        """Why a rule that matches does."""
        rule = self.rules[position]
        return match_reason(rule, permission, column, self._tags_for(rule, permission, column))

    def _request_misfit(self, position: int) -> str | None:
        """Looked at only for rules that come near: most are about something else."""
        if position not in self._misfits:
            self._misfits[position] = request_misfit(self.rules[position], self._question, self.windows)
        return self._misfits[position]

    def _fits_request(self, position: int) -> bool:
        return self._request_misfit(position) is None

    def _column_misfit(self, position: int, permission: Permission, column: str | None) -> str | None:
        rule = self.rules[position]
        return column_misfit(rule, permission, column, self._tags_for(rule, permission, column))

    def _tags_for(self, rule: Rule, permission: Permission, column: str | None) -> frozenset[str]:
        """The column's tags, if the rule looks at them."""
        return frozenset() if rule.resource.tags is None else self._tags_of(permission, column)

    def _fitting(self, permission: Permission, *, reached: bool) -> _Fitting:
        on_relation = permission.kind in RELATION_LIKE
        schema, name = permission.schema or "", permission.object or ""
        key = (on_relation or permission.kind, schema, name, permission.privilege, reached)
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = _Fitting(reached)
            index = self._index
            for position in index.whole.about(schema, name) if on_relation else index.elsewhere:
                if self._fits(position, permission, found):
                    found.whole = position
                    break
        return found

    def _fits(self, position: int, permission: Permission, fitting: _Fitting) -> bool:
        """Whether the rule fits in all but perhaps the column."""
        known = fitting.known.get(position)
        if known is None:
            rule = self.rules[position]
            known = (
                self._fits_request(position)
                and (rule.follows_reach or not fitting.reached)
                and object_misfit(rule, permission, definer=self._is_definer(permission)) is None
            )
            fitting.known[position] = known
        return known

    def _is_definer(self, permission: Permission) -> bool:
        """Whether it is on a function that runs with its owner's rights."""
        if permission.kind is not Kind.FUNCTION:
            return False
        return (permission.schema or "", permission.object or "") in self._question.definers

    def _near(self, permission: Permission, column: str) -> list[int]:
        """Rules that look at columns, of which those that fit this one are among; in order."""
        named = self._about_column.get(column)
        if named is None:
            named = self._about_column[column] = self._index.about_column(column)
        if len(named) > FEW:
            named = named & self._below_of(permission)  # the one that is kept is of every relation
        tagged = self._tagged(permission, self._tags_of(permission, column)) if self._index.looks_at_tags else []
        return sorted(named.union(tagged)) if named else tagged

    def _tagged(self, permission: Permission, tags: frozenset[str]) -> list[int]:
        """Rules about one of `tags` that may be about the relation; in order."""
        key = (permission.schema or "", permission.object or "", tags)
        if key not in self._about_tags:
            found = self._index.about_tags(tags)
            self._about_tags[key] = sorted(found if len(found) <= FEW else found & self._below_of(permission))
        return self._about_tags[key]

    def _below_of(self, permission: Permission) -> set[int]:
        key = (permission.schema or "", permission.object or "")
        if key not in self._below:
            self._below[key] = set(self._index.below.about(*key))
        return self._below[key]

    def _tags_of(self, permission: Permission, column: str | None) -> frozenset[str]:
        if column is None:
            return frozenset()
        key = (permission.schema or "", permission.object or "", column)
        if key not in self._tags:
            self._tags[key] = self.set.tags_of(*key) | self._question.tags.get(key, frozenset())
        return self._tags[key]
