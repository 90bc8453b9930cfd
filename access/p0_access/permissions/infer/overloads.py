"""Overloaded functions: which of those by a name a call may mean (func_get_detail, func_select_candidate)."""

from __future__ import annotations

from collections.abc import Sequence

from p0_access.permissions import builtin
from p0_access.permissions.catalog import Function
from p0_access.permissions.infer import casts, functions, names, signatures, types
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns
from p0_access.permissions.infer.types import canonical, exactly, may_be

Given = Sequence[Columns | str | None]
"""What is known of each argument."""

Resolved = builtin.BuiltinFunction | list[Function]
"""The built-in function or the user's that a call may mean; an empty list for neither: a cast or a field."""


def resolve(
    context: Context, qualified: tuple[str, ...], given: Given, place: int, *, variadic: bool = False
) -> Resolved:
    """The built-in function or the user's functions a call may mean; an empty list if there is none by that name.
    `variadic`: its last argument is an array of what a VARIADIC function takes one by one."""
    *qualifiers, name = qualified
    if len(qualifiers) > 1 and qualifiers[0] != context.catalog.database:
        raise RefusedError("unknown_function", f"{'.'.join(qualified)} is in another database", place)
    schemas = (qualifiers[-1],) if qualifiers else names.path(context)
    passed = [each if isinstance(each, str) else None for each in given]
    rows = [isinstance(each, Columns) for each in given]
    of_system: builtin.BuiltinFunction | None = None
    candidates: list[Function] = []
    for schema in schemas:
        if schema in builtin.SCHEMAS:
            known = context.builtin.functions.get(schema, {}).get(name)
            of_system = of_system or (known if known is not None and known.takes(len(given)) else None)
        else:
            known_here = context.catalog.functions_named(schema, name)
            candidates += [
                each for each in known_here if _fits(context, each, passed, rows, candidates, variadic=variadic)
            ]
    if not candidates:
        return of_system or []
    exact = [each for each in candidates if exactly(passed, signatures.types(each))]
    exact = exact or _for_own_types(context, passed, rows, candidates)
    if exact:
        candidates = exact[:1]
    elif len(candidates) > 1 and "unknown" in passed:
        candidates = [each for each in candidates if _takes_literals(each, passed)] or candidates
    if of_system is None:
        return candidates
    if not exact and all(functions.harmless(each) for each in candidates):
        for schema in dict.fromkeys(each.schema for each in candidates):
            context.name_schema(schema, "call", place)  # one of them may be meant, and costs nothing else
        return of_system
    if not exact:
        raise RefusedError(
            "ambiguous_function",
            f"{name} may be PostgreSQL's function or {signatures.signature(candidates[0])}",
            place,
            "Write the schema before the name.",
        )
    return candidates


def _for_own_types(
    context: Context, passed: Sequence[str | None], rows: Sequence[bool], candidates: Sequence[Function]
) -> list[Function]:
    """The one that takes just the types of all arguments but bare literals, a user's type among them: no other takes
    as many as they are (func_select_candidate)."""
    based = [names.base_type(context, each) for each in passed]
    if None in based or any(rows) or all(each == "unknown" or types.is_system(each) for each in based):
        return []
    found = [
        each
        for each in candidates
        if all(
            given in ("unknown", target)
            for given, target in zip(based, signatures.wanted(context, each, len(passed)), strict=False)
        )
    ]
    return found if len(found) == 1 else []


def _takes_literals(function: Function, passed: Sequence[str | None]) -> bool:
    """Whether every bare literal would be passed as text: of several, PostgreSQL prefers that."""
    pairs = zip(passed, signatures.types(function), strict=False)
    return all(canonical(target) == "text" for given, target in pairs if given == "unknown")


def _fits(
    context: Context,
    function: Function,
    passed: Sequence[str | None],
    rows: Sequence[bool],
    earlier: Sequence[Function],
    *,
    variadic: bool,
) -> bool:
    """Whether a call with these types may mean `function`, which is not hidden by an equal one earlier in the path.
    `rows` tells which arguments are rows: those pass for composite types only."""
    own = signatures.types(function)
    if not takes(function, len(passed)) or any(signatures.types(each) == own for each in earlier):
        return False
    if variadic and not (signatures.is_variadic(function) and len(passed) == len(own)):
        return False
    wanted = signatures.wanted(context, function, len(passed), variadic=variadic)
    return all(
        (types.is_polymorphic(target) or names.fields(context, target) is not None)
        if is_row
        else may_be(given, target)
        or may_be(names.base_type(context, given), target)
        or casts.passes(context, given, target)
        for given, is_row, target in zip(passed, rows, wanted, strict=False)
    )


def takes(function: Function, count: int) -> bool:
    least, most = signatures.arity(function)
    return least <= count and (most is None or count <= most)


def exists(context: Context, name: str, count: int, *, user_only: bool = False) -> bool:
    """Whether an unqualified call with so many arguments would find a function."""
    for schema in names.path(context):
        if schema in builtin.SCHEMAS:
            known = None if user_only else context.builtin.functions.get(schema, {}).get(name)
            if known is not None and known.takes(count):
                return True
        elif any(takes(each, count) for each in context.catalog.functions_named(schema, name)):
            return True
    return False
