"""INSERT, UPDATE and DELETE through a view that PostgreSQL can update by itself (rewriteHandler.c, rewriteTargetView).

The caller needs the privilege on the view; its owner (of a security_invoker view, the caller) the same on the table
beneath, column by column. What writing to the table runs besides, defaults above all, is the caller's to pay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from p0_access.permissions.catalog import Relation
from p0_access.permissions.infer import bodies, body_reader, dml, names, policies, rules, stored, triggers
from p0_access.permissions.infer.charges import Access, Reason
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.tree import strings
from p0_access.permissions.parse import Node
from p0_access.permissions.permission import Permission, column, relation

_COMPLICATED: Final = (
    "withClause",
    "distinctClause",
    "groupClause",
    "havingClause",
    "limitCount",
    "limitOffset",
    "larg",
    "valuesLists",
)


class Write(NamedTuple):
    """`written` are the columns named, by the target's names; of them `defaulted` are set to their default. `reads`
    says that the statement also reads from the target."""

    verb: str
    written: frozenset[str]
    defaulted: frozenset[str]
    reads: bool
    place: int


def charge(context: Context, view: Relation, write: Write) -> None:
    """What a write to `view` needs beneath it; the view's own privileges are charged by the statement."""
    event = write.verb.lower()
    if write.verb == "INSERT":
        left_out = [each for each in view.columns if each.name not in write.written - write.defaulted]
        own = frozenset(each.name for each in left_out if each.default is not None)  # instead of what the table has
        for each in left_out:
            stored.charge_default(context, view, each, write.place)
        write = write._replace(defaulted=write.defaulted - own)
    else:
        own = frozenset()
    triggers.charge(context, view, event, write.written, write.place)
    if triggers.has_instead(view, event):
        return
    base, mapping = _beneath(context, view, write.place)
    unknown = [each for each in write.written if each not in mapping]
    if unknown:
        raise RefusedError("view_write", f'column "{unknown[0]}" of {view.name} cannot be written', write.place)
    beneath = write._replace(
        written=frozenset(mapping[each] for each in write.written),
        defaulted=frozenset(mapping[each] for each in write.defaulted),
    )
    dml.check_writable(base, write.verb, write.place)
    replaced = base.rules and rules.apply(context, base, write.verb, write.place)
    if view.security_invoker and not context.as_owner:
        _charge_caller(context, view, base, beneath)
    else:
        context.reached.update(dict.fromkeys(_privileges(base, beneath)))
        bodies.expand_view(context, Access(view), Reason("view", write.place))
        policies.charge_owner(context, view, base, write.verb, write.place)
    if replaced:
        if write.verb == "INSERT":
            stored.charge_defaults(context, base, set(beneath.written - beneath.defaulted), write.place)
    elif base.kind == "view":
        charge(context, base, beneath)
    elif write.verb == "INSERT":
        given = set(beneath.written - beneath.defaulted) | {mapping[each] for each in own if each in mapping}
        stored.charge_insert(context, base, given, write.place)
    elif write.verb == "DELETE":
        stored.charge_delete(context, base, write.place)
    else:
        stored.charge_update(context, base, set(beneath.written), set(beneath.defaulted), write.place)


def check_rules(context: Context, view: Relation, verb: str, place: int) -> None:
    """Raises DoesNothingError, before anything is charged, if a rule beneath the view leaves nothing to run."""
    if triggers.has_instead(view, verb.lower()):
        return
    base, _ = _beneath(context, view, place)
    if not rules.leaves_nothing(context, base, verb, place) and base.kind == "view" and not base.rules:
        check_rules(context, base, verb, place)


def _charge_caller(context: Context, view: Relation, base: Relation, write: Write) -> None:
    reason = Reason("view", write.place)
    for permission in _privileges(base, write):
        context.charges.need(permission, reason)
    if write.reads:
        mention = Access(view)
        bodies.expand_view(context, mention, reason)
        context.charges.mention(mention)
    elif write.verb != "INSERT" or view.check_option:  # the view's condition is asked; it reads from the table for free
        written = set(_chain(context, view, write.place))
        body = body_reader.view(context, view, write.place, as_owner=False)
        for permission in body.context.charges.collect():
            if (permission.schema, permission.object) not in written:
                context.callers.need(permission, reason)
        bodies.pass_on(context, body)


def _chain(context: Context, view: Relation, place: int) -> Iterator[tuple[str, str]]:
    """What a write to the view writes through, down to the table."""
    yield view.schema, view.name
    base, _ = _beneath(context, view, place)
    if base.kind == "view":
        yield from _chain(context, base, place)
    else:
        yield base.schema, base.name


def _privileges(base: Relation, write: Write) -> list[Permission]:
    if write.verb == "DELETE":
        return [relation(base.schema, base.name, "DELETE")]
    return [column(base.schema, base.name, each, write.verb) for each in sorted(write.written)]


def _beneath(context: Context, view: Relation, place: int) -> tuple[Relation, dict[str, str]]:
    """The one relation beneath a simple view, and which of its columns each of the view's is."""
    query = body_reader.kept_view_query(context, view, place)
    tables = query.get("fromClause", [])
    if len(tables) != 1 or "RangeVar" not in tables[0] or any(each in query for each in _COMPLICATED):
        raise RefusedError(
            "view_write", f"{view.schema}.{view.name} is not a view that can be written to", place, "Name its table."
        )
    table: Node = tables[0]["RangeVar"]
    base = names.lookup(context, table.get("schemaname", "public"), table["relname"])
    if base is None:
        raise RefusedError("view_write", f"the table beneath {view.schema}.{view.name} is not known", place)
    mapping: dict[str, str] = {}
    for own, target in zip(view.columns, query.get("targetList", ()), strict=False):
        reference = target["ResTarget"]["val"].get("ColumnRef")
        if reference is not None:
            mapping[own.name] = strings(reference["fields"])[-1]
    return base, mapping
