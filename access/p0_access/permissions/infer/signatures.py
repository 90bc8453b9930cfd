"""What a function takes and yields, out of what the catalog says of it in words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from p0_access.permissions.catalog import Function
from p0_access.permissions.infer import names
from p0_access.permissions.infer.context import Context
from p0_access.permissions.infer.types import canonical, is_polymorphic

_MODES: Final = ("INOUT ", "IN ", "OUT ", "VARIADIC ")
_YIELDED: Final = ("OUT", "INOUT")
_RESULT_OF_TABLE: Final = re.compile(r"\ATABLE\((.*)\)\Z", re.DOTALL)
_QUOTED: Final = re.compile(r'\A"((?:[^"]|"")+)"')

Argument = tuple[str, str, str]
"""Mode, name (may be empty) and type."""


@lru_cache(maxsize=4096)
def arguments(text: str) -> tuple[Argument, ...]:
    """The arguments of `pg_get_function_identity_arguments`. A type of two words may be taken for a name and a type."""
    found: list[Argument] = []
    for each in _split(text):
        rest = each
        mode = "IN"
        for known in _MODES:
            if rest.startswith(known):
                mode, rest = known.strip(), rest[len(known) :]
                break
        name, type_ = _named(rest)
        found.append((mode, name, type_))
    return tuple(found)


def _split(text: str) -> list[str]:
    parts: list[str] = []
    depth = 0
    quoted = False
    current = ""
    for each in text:
        if each == '"':
            quoted = not quoted
        elif not quoted:
            depth += (each == "(") - (each == ")")
            if each == "," and depth == 0:
                parts.append(current.strip())
                current = ""
                continue
        current += each
    return [*parts, current.strip()] if current.strip() else parts


def _named(text: str) -> tuple[str, str]:
    if quoted := _QUOTED.match(text):
        rest = text[quoted.end() :]
        if rest.startswith(" "):
            return quoted.group(1).replace('""', '"'), rest.strip()
        return "", text
    first, _, rest = text.partition(" ")
    if not rest or canonical(text) != text or rest.startswith("("):
        return "", text
    return first, rest


@lru_cache(maxsize=4096)
def _inputs(text: str) -> tuple[Argument, ...]:
    return tuple(each for each in arguments(text) if each[0] not in ("OUT", "TABLE"))


def types(function: Function) -> tuple[str, ...]:
    """The input arguments' types."""
    return function.types if function.types is not None else tuple(each[2] for each in _inputs(function.arguments))


def parameters(function: Function) -> dict[str, str | None]:
    """How the body may call its arguments, by place or by name, also after the function's own name; with their types,
    as far as those do not depend on the call."""
    found: dict[str, str | None] = {function.name: None}
    table = _RESULT_OF_TABLE.match(function.returns)
    for name, type_ in map(_named, _split(table.group(1)) if table else ()):
        found[name] = _fixed(type_)
    for _, name, type_ in arguments(function.arguments):
        if name:
            found[name] = _fixed(type_)
    if function.types is not None:
        found |= {f"${place}": _fixed(type_) for place, type_ in enumerate(function.types, 1)}
    return found


def _fixed(printed: str) -> str | None:
    return None if is_polymorphic(printed) else canonical(printed)


def wanted(context: Context, function: Function, count: int, *, variadic: bool = False) -> tuple[str, ...]:
    """The types that a call with so many arguments must fit: domains by their base, VARIADIC once for each, or in one
    array in a call that says VARIADIC itself."""
    found = tuple(names.base_type(context, each) or each for each in types(function))
    if found and not variadic and is_variadic(function):
        element = found[-1].removesuffix("[]")
        found = (*found[:-1], *[element] * max(count - len(found) + 1, 0))
    return found


def yielded(function: Function) -> str | None:
    """The type of what a call yields, for each row that it does; None for a row, or where the call decides it."""
    returns = function.returns.strip()
    return None if _RESULT_OF_TABLE.match(returns) else _fixed(returns.removeprefix("SETOF "))


def is_variadic(function: Function) -> bool:
    inputs = _inputs(function.arguments)
    return bool(inputs) and inputs[-1][0] == "VARIADIC"


def arity(function: Function) -> tuple[int, int | None]:
    """The least and the most arguments of a call; None for any number."""
    count = len(types(function))
    if is_variadic(function):
        return count - 1 - function.defaults if function.defaults else max(count - 1, 0), None
    if function.kind == "aggregate" and function.arguments.strip() == "*":
        return 0, 0
    return count - function.defaults, count


def signature(function: Function) -> str:
    return f"{function.schema}.{function.name}({function.identity})"


def columns(context: Context, function: Function) -> tuple[tuple[tuple[str, str | None], ...], bool] | None:
    """What it offers in FROM: names with their types, and whether there are more; None for one column named after the
    call."""
    returns = function.returns.strip().removeprefix("SETOF ")
    if table := _RESULT_OF_TABLE.match(returns):
        return tuple((name, _fixed(type_)) for name, type_ in map(_named, _split(table.group(1)))), False
    outs = tuple((name, _fixed(type_)) for mode, name, type_ in arguments(function.arguments) if mode in _YIELDED)
    if len(outs) > 1 or returns == "record":
        named = tuple((name or f"column{place}", type_) for place, (name, type_) in enumerate(outs, 1))
        return (named, False) if outs else ((), True)
    if outs and outs[0][0] and names.fields(context, returns) is None:
        return outs, False
    parts = names.qualified(returns) if "." in returns else None
    if parts is None or len(parts) != len(("schema", "name")):
        scalar = (canonical(returns) or "").removesuffix("[]") in context.builtin.types["pg_catalog"]
        return None if scalar and not returns.startswith("any") else ((), True)
    row = names.fields(context, returns)
    if row is not None:
        return tuple((each.name, canonical(each.type)) for each in row), False
    return None if context.catalog.type(*parts) is not None else ((), True)
