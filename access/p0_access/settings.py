"""Configuration files: TOML text to a frozen record, with unknown keys refused and a near one suggested."""

from __future__ import annotations

import re
import tomllib
from typing import TypeVar

import msgspec

from p0_access.errors import MalformedError
from p0_access.nearest import nearest

T = TypeVar("T")


def parse_settings(text: str, type_: type[T], *, source: str) -> T:
    """`text` as a `type_` (a msgspec struct). Raises `MalformedError` with the code `config_malformed` (not TOML) or
    `config_invalid` (not what it should say); the message starts with `source`."""
    try:
        return msgspec.convert(tomllib.loads(text), type_)
    except tomllib.TOMLDecodeError as error:
        raise MalformedError(f"{source} is not TOML: {error}", code="config_malformed") from error
    except msgspec.ValidationError as error:
        hint = _suggestion(str(error), type_)
        raise MalformedError(f"{source}: {error}", code="config_invalid", hint=hint) from error


def _suggestion(message: str, type_: type[object]) -> str | None:
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown is None:
        return None
    known = sorted(_keys(msgspec.inspect.type_info(type_)))
    near = nearest(unknown[1], known)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}"


def _keys(info: msgspec.inspect.Type) -> set[str]:
    """The names of all members of all structs in a type."""
    match info:
        case msgspec.inspect.StructType(fields=fields):
            return {field.encode_name for field in fields}.union(*(_keys(field.type) for field in fields))
        case msgspec.inspect.UnionType(types=types):
            return set[str]().union(*(_keys(each) for each in types))
        case msgspec.inspect.DictType(value_type=value):
            return _keys(value)
        case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
            return _keys(item)
        case _:
            return set()
