"""Types by one name each, and which overload a call's arguments leave possible, as far as names can tell.

PostgreSQL chooses by casts and categories (parse_func.c); this only rules out what cannot be. Whoever asks must treat
what is left as equally possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from p0_access.permissions.builtin import SYSTEM_TYPE

_SQL_NAMES: Final = {
    "integer": "int4",
    "int": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "real": "float4",
    "double precision": "float8",
    "decimal": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "character": "bpchar",
    '"char"': "char",
    "bit varying": "varbit",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}
_CATEGORIES: Final = {
    **dict.fromkeys(("int2", "int4", "int8", "float4", "float8", "numeric", "money", "oid", "regclass"), "number"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char"), "string"),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), "date"),
    **dict.fromkeys(("time", "timetz", "interval"), "time"),
    **dict.fromkeys(("bool", "uuid", "json", "jsonb", "bytea", "xml", "bit", "varbit", "inet", "point"), "own"),
}
_MODIFIER: Final = re.compile(r"\([0-9, ]*\)")
_ANY: Final = re.compile(r"(any|record|unknown|\?)")


@lru_cache(maxsize=4096)
def canonical(name: str) -> str | None:
    """A type as `format_type` prints it to its name in pg_catalog, or `schema.name`; arrays end in `[]`."""
    plain = _MODIFIER.sub("", name).strip()
    dimensions = plain.count("[]")
    plain = plain.replace("[]", "").strip().removeprefix("pg_catalog.")
    if not plain or plain == "?":
        return None
    found = _SQL_NAMES.get(plain, plain)
    return f"{found}[]" if dimensions else found


def is_system(given: str | None) -> bool:
    """Whether a type is surely one of PostgreSQL's own."""
    return given is not None and given != "unknown" and "." not in given


def is_polymorphic(printed: str) -> bool:
    """Whether an argument of this type takes several types."""
    return _ANY.match(printed) is not None


def common(given: Iterable[str | None]) -> str | None:
    """The type of CASE, COALESCE, VALUES, UNION over such values, as far as that is plain (select_common_type)."""
    found = {each for each in given if each != "unknown"}
    if not found:
        return "text"
    if len(found) == 1:
        return found.pop()
    return SYSTEM_TYPE if all(map(is_system, found)) else None


def element(given: str | None) -> str | None:
    """The type of an array's elements; None for what is not known to be an array."""
    if given is None or given == SYSTEM_TYPE:
        return given
    return given.removesuffix("[]") if given.endswith("[]") else None


def array_of(given: str | None) -> str | None:
    if given is None or given == SYSTEM_TYPE or given.endswith("[]"):
        return given
    return "text[]" if given == "unknown" else f"{given}[]"


def may_be(given: str | None, wanted: str) -> bool:
    """Whether an argument of type `given` could be passed for `wanted`; None and literals could be anything."""
    target = canonical(wanted)
    if given is None or given == "unknown" or target is None or given == target or _ANY.match(target):
        return True
    if given == SYSTEM_TYPE:
        return "." not in target
    if given.endswith("[]") and target.endswith("[]"):  # arrays pass as their elements do
        return may_be(given.removesuffix("[]"), target.removesuffix("[]"))
    if given.endswith("[]") or target.endswith("[]"):
        return False
    of_given, of_target = _CATEGORIES.get(given), _CATEGORIES.get(target)
    if of_given is None or of_target is None:
        # A domain passes for its base, an enum only for itself; without looking further, only built-in types exclude.
        return "." in given and "." not in target
    return of_given == of_target and of_given != "own"


def exactly(given: Sequence[str | None], wanted: Sequence[str]) -> bool:
    return len(given) == len(wanted) and all(
        each is not None and each == canonical(target) for each, target in zip(given, wanted, strict=True)
    )
