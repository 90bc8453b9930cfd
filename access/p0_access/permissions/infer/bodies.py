"""Who pays for what runs along with a statement: views, functions, triggers, stored expressions.

PostgreSQL checks a definer view's tables against its owner, and so a SECURITY DEFINER function's; everything else runs
as the caller, functions inside anybody's view included. Names in stored expressions and views were resolved when they
were made, so they cost no USAGE on schemas; those in the text of a function are resolved when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from p0_access.permissions.catalog import Function, Relation
from p0_access.permissions.infer import body_reader, signatures, stored_text
from p0_access.permissions.infer.body_reader import Body
from p0_access.permissions.infer.charges import Access, Reason
from p0_access.permissions.infer.context import Context, Fired, RefusedError, refuse_unreadable
from p0_access.permissions.infer.links import links

# Why a view may be unreadable without its reader being concerned: its tables are its owner's affair. Functions in it
# are not, since they run as whoever reads.
_OWNERS_AFFAIR: Final = frozenset({"unknown_table", "unknown_type", "view_definition", "restricted_catalog"})


def expand_view(context: Context, mention: Access, reason: Reason) -> None:
    """What reading a view costs besides the view: all it reads if it is a security_invoker view, else its owner's."""
    view = mention.relation
    if view.security_invoker:  # as if it stood in the statement itself, even beneath a view of somebody else's
        body = body_reader.view(context, view, reason.location, as_owner=False)
        context.callers.absorb_at(body.context.charges, reason)
        pass_on(context, body)
        mention.covers = tuple(Access(each) for each in body.locks)
        for each in mention.covers:
            context.callers.mention(each)
        return
    try:
        body = body_reader.view(context, view, reason.location, as_owner=True)
    except RefusedError as error:
        if error.code not in _OWNERS_AFFAIR:
            raise
        context.warn("reach_unknown", f"what the view {view.schema}.{view.name} reads is not known: {error}")
        return
    context.reached.update(dict.fromkeys(body.context.charges.collect()))
    context.callers.absorb_at(body.context.callers, reason)
    pass_on(context, body)


def expand_function(
    context: Context, function: Function, clause: str, place: int, *, fired: Fired | None = None
) -> None:
    """What a function's body costs its caller, or, of a SECURITY DEFINER function, reaches."""
    if function.security_definer:
        _reach_function(context, function, fired)
        return
    body = body_reader.function(context, function, place, fired=fired)
    reason = Reason(clause, place)
    context.callers.absorb_at(body.context.charges, reason)
    context.usages.absorb_at(body.context.usages, reason)
    pass_on(context, body)


def is_free(context: Context, function: Function) -> bool:
    """Whether a call costs its caller nothing: anybody may make it, and its body needs and reaches nothing."""
    if not function.public or function.security_definer:
        return False
    try:
        inner = body_reader.function(context, function, -1).context
    except RefusedError:
        return False
    return not (inner.charges.collect() or inner.usages.collect() or inner.reached or inner.writes or inner.warnings)


def expand_trigger(context: Context, function: Function, fired: Fired, clause: str, place: int) -> None:
    """What a trigger's function costs whoever fires it."""
    if function.security_definer or function.language not in ("c", "internal"):
        expand_function(context, function, clause, place, fired=fired)


def expand_expression(
    context: Context, text: str, relation: Relation | None, clause: str, place: int, *, value: str | None = None
) -> None:
    """What a stored expression costs whoever runs it: a default, a check (of a domain over the type `value`), a policy,
    an index."""
    if not _may_cost(context, text):
        return
    body = body_reader.expression(context, text, relation, place, value=value)
    context.callers.absorb_at(body.context.charges, Reason(clause, place))
    pass_on(context, body)


def expand_owners(context: Context, text: str, relation: Relation, view: Relation, clause: str, place: int) -> None:
    """`expand_expression` where PostgreSQL checks relations against the owner of `view`: calls are the caller's."""
    if not _may_cost(context, text):
        return
    body = body_reader.expression(context, text, relation, place, view=view)
    context.reached.update(dict.fromkeys(body.context.charges.collect()))
    context.callers.absorb_at(body.context.callers, Reason(clause, place))
    pass_on(context, body)


def children(context: Context, relation: Relation) -> tuple[Relation, ...]:
    """The partitions of a table, and the tables that inherit from it."""
    names = links(context.catalog).children.get((relation.schema, relation.name), ())
    found = tuple(each for name in names if (each := context.catalog.relation(*name)) is not None)
    for each in found:
        refuse_unreadable(each)
    return found


def descendants(context: Context, relation: Relation, *, partitions: bool = False) -> Iterator[Relation]:
    """What is beneath a table, however far: its partitions alone, or also the tables that inherit from it. Each once,
    though it may inherit the same by several ways."""
    seen = {(relation.schema, relation.name)}
    queue = [relation]
    while queue:
        table = queue.pop()
        for child in children(context, table) if table.kind == "partitioned" or not partitions else ():
            if (child.schema, child.name) not in seen:
                seen.add((child.schema, child.name))
                queue.append(child)
                yield child


def _reach_function(context: Context, function: Function, fired: Fired | None) -> None:
    label = signatures.signature(function)
    context.warn("security_definer_function", f"{label} runs with its owner's rights, not the caller's")
    try:
        body = body_reader.function(context, function, -1, fired=fired)
    except RefusedError as error:
        context.warn("reach_unknown", f"what {label} does with its owner's rights is not known: {error}")
        return
    context.reached.update(dict.fromkeys(body.context.charges.collect()))
    pass_on(context, body)


def reach_owners(context: Context, name: str, what: str, run: Callable[[Context], None]) -> None:
    """What `run` charges is an owner's to pay, and reached: `name` tells it from all else that owners run, `what` is
    for people."""
    try:
        body = body_reader.owners(context, name, run)
    except RefusedError as error:
        context.warn("reach_unknown", f"what {what} does with its owner's rights is not known: {error}")
        return
    context.reached.update(dict.fromkeys(body.context.charges.collect()))
    pass_on(context, body)


def _may_cost(context: Context, text: str) -> bool:
    return body_reader.remembered(context, f"may cost {text}", lambda: stored_text.may_cost(context.catalog, text))


def pass_on(context: Context, body: Body) -> None:
    """What a body does besides what it costs."""
    context.writes = context.writes or body.context.writes
    context.reached.update(body.context.reached)
    for warning in body.context.warnings:
        context.warn(warning.code, warning.message)
