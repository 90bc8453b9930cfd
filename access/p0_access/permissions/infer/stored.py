"""What writing to a table runs besides the statement: defaults, checks, generated columns, triggers, foreign keys.

PostgreSQL runs these as whoever writes, so the functions in them, and the sequences that defaults draw from, are the
caller's to pay. (Identity columns draw from their sequence without asking.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from p0_access.permissions.catalog import Column, Relation, Type
from p0_access.permissions.infer import bodies, cascades, casts, foreign_keys, names, rules, triggers
from p0_access.permissions.infer.charges import Reason
from p0_access.permissions.infer.context import Context

_WORD: Final = re.compile(r"\w+")
_DRAWS_ONE: Final = re.compile(r"nextval\('[^']*(?:''[^']*)*'::regclass\)\Z")
"""The default of a serial column, which needs no parsing: the catalog knows its sequence."""


def charge_insert(context: Context, relation: Relation, given: set[str], place: int) -> None:
    """A new row in which only the columns `given` have values of their own."""
    context.spend(4 * len(relation.columns), place)
    triggers.charge(context, relation, "insert", frozenset(), place)
    for column in relation.columns:
        if column.name not in given:
            charge_default(context, relation, column, place)
    for column in relation.columns:
        casts.check_domains(context, column.type, "domain check", place)
    _charge_expressions(context, relation, "insert", None, place)


def charge_copied(context: Context, relation: Relation, place: int) -> None:
    """Another table takes over the defaults and checks."""
    for column in relation.columns:
        charge_default(context, relation, column, place)
    _charge_expressions(context, relation, "insert", None, place)


def charge_defaults(context: Context, relation: Relation, given: set[str], place: int) -> None:
    """A new row that a rule takes the values of, and does not store."""
    for column in relation.columns:
        if column.name not in given and rules.uses(context, relation, column.name, place):
            charge_default(context, relation, column, place)


def charge_update(context: Context, relation: Relation, written: set[str], defaulted: set[str], place: int) -> None:
    """A changed row, and what foreign keys change along with it."""
    charge_changed_row(context, relation, written, defaulted, place)
    cascades.charge(context, relation, "update", frozenset(written), place)


def charge_changed_row(
    context: Context,
    relation: Relation,
    written: set[str],
    defaulted: set[str],
    place: int,
    *,
    timing: triggers.Timing | None = None,
) -> None:
    """A changed row by itself; `defaulted` are the columns set to their default. `timing` tells which triggers count,
    if not all."""
    context.spend(len(written) + (len(relation.columns) >> 2), place)
    triggers.charge(context, relation, "update", frozenset(written), place, timing=timing)
    changed = [column for column in relation.columns if column.name in written]
    for column in changed:
        if column.name in defaulted:
            charge_default(context, relation, column, place)
        casts.check_domains(context, column.type, "domain check", place)
    _charge_expressions(context, relation, "update", written, place)
    if _may_move(context, relation, written):  # a row goes to another partition: it is deleted and inserted
        for event in ("delete", "insert"):
            triggers.charge(context, relation, event, frozenset(), place, timing=timing)


def _may_move(context: Context, relation: Relation, written: set[str]) -> bool:
    """Whether an update of those columns may change which partition a row belongs to."""
    if relation.kind != "partitioned":
        return False
    for table in (relation, *triggers.beneath(context, relation, "update")):
        key = table.partition_key or ""
        context.spend(1)
        if not written.isdisjoint(_WORD.findall(key)) or any(f'"{each}"' in key for each in written):
            return True
    return False


def _charge_expressions(context: Context, relation: Relation, event: str, written: set[str] | None, place: int) -> None:
    """Indexes, checks and generated columns, also those that partitions and children have of their own; of an update
    only the generated columns that may use what was `written`."""
    seen: set[tuple[str, str]] = set()
    for above in foreign_keys.ancestors(context, relation):
        for text in above.index_expressions if above.kind == "partitioned" else ():  # what tells its partitions
            bodies.expand_expression(context, text, above, "partition key", place)
    for table in (relation, *triggers.beneath(context, relation, event)):
        own = relation if triggers.alike(table, relation) else table
        context.spend(1 + (len(table.constraints) >> 1), place)
        for clause, text in _expressions(table, written):
            if (own.name, text) not in seen:
                seen.add((own.name, text))
                bodies.expand_expression(context, text, own, clause, place)


def _expressions(table: Relation, written: set[str] | None) -> Iterator[tuple[str, str]]:
    for expression in table.index_expressions:
        yield "index expression", expression
    for constraint in table.constraints:
        if constraint.kind == "check":
            yield "check constraint", constraint.definition
    for column in table.columns:
        text = column.default if column.generated == "stored" else None
        if text is not None and (written is None or any(each in text for each in written)):
            yield "generated column", text


def charge_default(context: Context, relation: Relation, column: Column, place: int) -> None:
    """A value that the statement leaves out."""
    if column.identity or column.generated:
        context.session.lastval = context.session.lastval and not column.identity
        return
    if column.name in relation.serials and _DRAWS_ONE.match(column.default or ""):
        schema, sequence = relation.serials[column.name]
        context.callers.draw(schema, sequence, "nextval", Reason(f"default of {column.name}", place))
        context.session.lastval = True
    elif column.default is not None:
        bodies.expand_expression(context, column.default, None, f"default of {column.name}", place)
    elif (domain := _domain(context, column)) is not None and domain.default is not None:
        bodies.expand_expression(context, domain.default, None, f"default of {column.name}", place)


def charge_delete(context: Context, relation: Relation, place: int) -> None:
    """A deleted row, and what foreign keys delete or change along with it."""
    triggers.charge(context, relation, "delete", frozenset(), place)
    cascades.charge(context, relation, "delete", frozenset(), place)


def _domain(context: Context, column: Column) -> Type | None:
    return names.printed_type(context, column.type)
