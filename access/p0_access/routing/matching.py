"""One rule held against one permission: what the first thing is that does not fit, in words for people.

Three steps, so that each is done once for everything it is the same for: the request as a whole, an object with a
privilege, a column. A rule matches where all three find nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from p0_access.permissions.permission import Kind, Permission
from p0_access.routing.decision import Question
from p0_access.routing.patterns import Pattern
from p0_access.routing.people import is_meant, is_pinned
from p0_access.routing.rule import Deny, Requestors, Rule
from p0_access.routing.windows import Window

RELATION_LIKE: Final = frozenset({Kind.RELATION, Kind.COLUMN, Kind.ANY_COLUMN})

MAX_NAMED: Final = 3
"""So many items of a list are named in a sentence; the rest is counted."""


class Windows:
    """When each window closes, seen from one instant; asked once for each window, however many rules share it."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._closes: dict[Window, int | None] = {}

    def closes(self, window: Window) -> int | None:
        """Seconds since the epoch, or None when it is not open for at least another second."""
        if window not in self._closes:
            until = window.open_until(self._at)
            open_still = until is not None and (until - self._at).total_seconds() >= 1
            self._closes[window] = int(until.timestamp()) if until is not None and open_still else None
        return self._closes[window]


def request_misfit(rule: Rule, question: Question, windows: Windows) -> str | None:
    """What of the request as a whole the rule is not for: who asks, the database, the kind of request, the time."""
    if rule.requestors is not None and not is_meant(rule.requestors, question.requestor):
        return f"the requestor is not {_spell_requestors(rule.requestors)}"
    if not is_pinned(rule.requestors, question.requestor) and not isinstance(rule.approval, Deny):
        return "the requestor is a workload, and the rule pins no claims"
    if not _any_fits(rule.resource.databases, question.database):
        return f"the database is not {spell(rule.resource.databases)}"
    if rule.access.kinds is not None and question.kind not in rule.access.kinds:
        return f"the request is a {question.kind}, not a {spell(sorted(rule.access.kinds))}"
    if rule.when is not None and windows.closes(rule.when) is None:
        return f"it is not {rule.when}"
    return None


def object_misfit(rule: Rule, permission: Permission, *, definer: bool = False) -> str | None:
    """What of the object, or of the privilege on it, the rule is not for; its columns are left to `column_misfit`.
    `definer` says that it is a function that runs with its owner's rights: a rule gives it only by its name."""
    resource = rule.resource
    if resource.schemas is not None:
        schema = permission.object if permission.kind is Kind.SCHEMA else permission.schema
        if schema is None or not _any_fits(resource.schemas, schema):
            return f"the schema is not {spell(resource.schemas)}"
    on_object = _relation_misfit if permission.kind in RELATION_LIKE else _other_misfit
    misfit = on_object(rule, permission)
    if misfit is not None:
        return misfit
    if definer and not isinstance(rule.approval, Deny) and not _names_function(rule, permission):
        return "the function runs with its owner's rights, and the rule does not name it"
    if rule.access.privileges is not None and permission.privilege not in rule.access.privileges:
        return f"the privilege is not {spell(sorted(rule.access.privileges))}"
    return None


def column_misfit(rule: Rule, permission: Permission, column: str | None, tags: frozenset[str]) -> str | None:
    """What of the column the rule is not for. `column` is None for what has no columns."""
    resource = rule.resource
    if resource.columns is not None and permission.kind in RELATION_LIKE:
        schema, relation = permission.schema or "", permission.object or ""
        if column is None or not _any_fits(resource.columns, schema, relation, column):
            return f"the column is not {spell(resource.columns)}"
    if resource.tags is not None and permission.kind in RELATION_LIKE and resource.tags.isdisjoint(tags):
        return f"the column is not {spell(sorted(resource.tags))}"
    return None


def match_reason(rule: Rule, permission: Permission, column: str | None, tags: frozenset[str]) -> str:
    """Why a rule that matches does: the tag if it is about tags, else the permission itself."""
    if rule.resource.tags is not None and permission.kind in RELATION_LIKE:
        named = spell(sorted(rule.resource.tags & tags))
        return f"{permission.schema}.{permission.object}.{column} is {named}"
    return str(permission)


def spell(items: Iterable[object], conjunction: str = "or") -> str:
    """`a`, `a or b`, `a, b, c or 4 more`; nothing at all, which a server may say, is `nothing`."""
    names = [str(item) for item in items]
    if len(names) < 2:
        return names[0] if names else "nothing"
    if len(names) > MAX_NAMED + 1:
        names = [*names[:MAX_NAMED], f"{len(names) - MAX_NAMED} more"]
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"


def _relation_misfit(rule: Rule, permission: Permission) -> str | None:
    resource = rule.resource
    if resource.selects and not resource.selects_relations:
        return "the rule is not about relations"
    names = (permission.schema or "", permission.object or "")
    if resource.relations is not None and not _any_fits(resource.relations, *names):
        return f"the relation is not {spell(resource.relations)}"
    if resource.columns is not None and not _any_fits(resource.columns, *names):
        return f"the column is not {spell(resource.columns)}"
    return None


def _other_misfit(rule: Rule, permission: Permission) -> str | None:
    resource = rule.resource
    schema, name = permission.schema or "", permission.object or ""
    noun = permission.kind.value.replace("_", " ")
    if permission.kind is Kind.FUNCTION and resource.functions is not None:
        fits = any(pattern.fits_function(schema, name) for pattern in resource.functions)
        return None if fits else f"the function is not {spell(resource.functions)}"
    if permission.kind is Kind.SEQUENCE and resource.sequences is not None:
        return None if _any_fits(resource.sequences, schema, name) else f"it is not {spell(resource.sequences)}"
    if permission.kind is Kind.TYPE and resource.types is not None:
        return None if _any_fits(resource.types, schema, name) else f"the type is not {spell(resource.types)}"
    if permission.kind is Kind.LARGE_OBJECT and resource.large_objects is not None:
        return None if _any_fits(resource.large_objects, name) else f"it is not {spell(resource.large_objects)}"
    if permission.kind is Kind.ROLE and resource.roles is not None:
        return None if _any_fits(resource.roles, name) else f"the role is not {spell(resource.roles)}"
    everything = not resource.selects and (permission.kind is not Kind.ROLE or isinstance(rule.approval, Deny))
    return None if everything else f"the rule is not about a {noun}"


def _names_function(rule: Rule, permission: Permission) -> bool:
    schema, name = permission.schema or "", permission.object or ""
    named = [each for each in rule.resource.functions or () if not each.is_glob]
    return any(each.fits_function(schema, name) for each in named)


def _any_fits(patterns: Iterable[Pattern], *names: str) -> bool:
    for pattern in patterns:  # noqa: SIM110  a generator costs twice the time here
        if pattern.fits(*names):
            return True
    return False


def _spell_requestors(requestors: Requestors) -> str:
    named: list[object] = [f"in {group}" for group in sorted(requestors.groups)]
    named += [*sorted(requestors.subjects), *requestors.emails]
    if requestors.claims:
        pins = spell((f"{name} {spell(sorted(values))}" for name, values in requestors.claims), "and")
        named = [f"{spell(named)} with {pins}" if named else f"a workload with {pins}"]
    issuer = "" if requestors.issuer is None else f" of {requestors.issuer}"
    return spell(named) + issuer
