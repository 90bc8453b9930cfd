"""Casts: to a type that a statement names, and to that of the column or argument which a value is for (parse_coerce.c).

A cast to a domain, or to what is made of one, runs its checks; a cast that somebody made runs a function. Both run as
whoever casts, and what a function needs is needed. Where a value's type is not known, all that may be its cast count.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final

from p0_access.permissions import builtin
from p0_access.permissions.builtin import SYSTEM_TYPE
from p0_access.permissions.catalog import Cast, Function, Type
from p0_access.permissions.infer import bodies, builtin_calls, functions, names
from p0_access.permissions.infer.context import Context, RefusedError, refuse_unreadable
from p0_access.permissions.infer.scope import Columns, Level
from p0_access.permissions.infer.tree import literal
from p0_access.permissions.infer.types import canonical, common
from p0_access.permissions.parse import Node

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*\Z")

ASSIGNMENT: Final = ("implicit", "assignment")
"""Casts that storing a value may use."""
IMPLICIT: Final = ("implicit",)
"""Casts that passing a value may use."""


def read(context: Context, level: Level, node: Node, given: Columns | str | None) -> str | None:
    """A TypeCast of what was read as `given`: the type it names."""
    type_node: Node = node["typeName"]
    place = type_node.get("location", 0)
    found = names.type_name(context, type_node, level.clause)
    if found is None:
        return None
    name = type_of(type_node, found)
    to(context, given, name, level.clause, place)
    if found[1].startswith("reg") and (text := literal(node["arg"])) is not None:
        builtin_calls.object_in_text(context, level.clause, found[1], text, place)
    return name


def to(context: Context, given: Columns | str | None, wanted: str | None, clause: str, place: int) -> None:
    """An explicit cast to a type by its canonical name."""
    if wanted is not None:
        check_domains(context, wanted, clause, place)
        convert(context, given, wanted, clause, place)


def type_of(node: Node, found: tuple[str, str] | None) -> str | None:
    """The type that a TypeName stands for, of which `found` is the name."""
    if found is None:
        return None
    schema, name = found
    suffix = "[]" if "arrayBounds" in node else ""
    if schema == "pg_catalog" and name.startswith("_"):
        return f"{name.removeprefix('_')}[]"
    return f"{name}{suffix}" if schema == "pg_catalog" else f"{printed(schema, name)}{suffix}"


def printed(schema: str, name: str) -> str:
    """As PostgreSQL prints the name of a type that is none of its own: in quotes unless it is plain."""
    return ".".join(each if _PLAIN.match(each) else '"' + each.replace('"', '""') + '"' for each in (schema, name))


def convert(
    context: Context,
    given: Columns | str | None,
    wanted: str,
    clause: str,
    place: int,
    contexts: Iterable[str] = ("explicit", *ASSIGNMENT),
) -> None:
    """What turning a value into a type runs besides the type's own checks."""
    if not context.catalog.casts or given == "unknown":  # a literal is read by its type
        return
    if isinstance(given, Columns) and given.row:  # becomes what is asked for, field by field
        return
    target = _plain(context, wanted)
    source = _plain(context, given) if isinstance(given, str) else None
    for cast in context.catalog.casts if source is None or source != target else ():
        context.spend(1, place)
        if cast.context in contexts and target == canonical(cast.target) and _may_be(context, given, source, cast):
            functions.charge(context, _function(context, cast, place), clause, place)


def _may_be(context: Context, given: Columns | str | None, source: str | None, cast: Cast) -> bool:
    """Whether a cast is from the type of a value, or may be where that is not known."""
    if isinstance(given, Columns):
        return names.fields(context, cast.source) is not None
    if source is None or source == canonical(cast.source):
        return True
    return source == SYSTEM_TYPE and "." not in cast.source


def pass_on(context: Context, given: Iterable[Columns | str | None], clause: str, place: int) -> None:
    """What passing values to one of PostgreSQL's own functions or operators may run."""
    for each in given if context.catalog.casts else ():
        source = _plain(context, each) if isinstance(each, str) else None
        for cast in context.catalog.casts if source is not None and "." in source else ():
            context.spend(1, place)
            if cast.context in IMPLICIT and canonical(cast.source) == source:
                functions.charge(context, _function(context, cast, place), clause, place)


def unified(context: Context, given: Iterable[str | None], clause: str) -> str | None:
    """`types.common` of values that become one type, in a UNION or a CASE, and what making it of them may run. Of the
    arms of a UNION PostgreSQL's own tree does not tell."""
    if not context.catalog.casts:
        return common(given)
    values = tuple(dict.fromkeys(given))
    for one, other in itertools.permutations(values, 2):
        if one is not None and other is not None:
            convert(context, one, other, clause, -1, IMPLICIT)
    return common(values)


def passes(context: Context, given: str | None, wanted: str) -> bool:
    """Whether somebody's cast makes a value pass for another type."""
    if not context.catalog.casts or given is None:
        return False
    source, target = names.base_type(context, given), canonical(wanted)
    return any(
        each.context in IMPLICIT and (canonical(each.source), canonical(each.target)) == (source, target)
        for each in context.catalog.casts
    )


def check_domains(context: Context, wanted: str, clause: str, place: int) -> None:
    """The checks of a type, and of all that it is made of."""
    if "." not in wanted:
        return
    for domain in _domains(context, wanted, set()):
        context.spend(1, place)
        refuse_unreadable(domain, place)
        value = canonical(domain.base) if domain.base is not None else None
        for check in domain.checks:
            bodies.expand_expression(context, check, None, clause, place, value=value)


def _domains(context: Context, wanted: str, seen: set[str]) -> Iterator[Type]:
    plain = (canonical(wanted) or "").removesuffix("[]")
    if "." not in plain or plain in seen:
        return
    seen.add(plain)
    found = names.printed_type(context, plain)
    parts = [found.base, found.subtype] if found is not None else []
    if found is not None and found.kind == "domain":
        yield found
    parts += [each.type for each in names.fields(context, plain) or ()]
    for part in parts:
        if part is not None:
            yield from _domains(context, part, seen)


def _plain(context: Context, type_: str) -> str | None:
    """A type by its one name: a domain by its base, an array by its elements, which are cast one by one."""
    return names.base_type(context, type_.removesuffix("[]"))


def _function(context: Context, cast: Cast, place: int) -> Function:
    schema, name, identity = cast.function
    named = context.catalog.functions_named(schema, name) if schema not in builtin.SCHEMAS else ()
    found = next((each for each in named if each.identity == identity), None)
    if found is None:
        raise RefusedError("unknown_function", f"the function {schema}.{name} of a cast is not known", place)
    return found
