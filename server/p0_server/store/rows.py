"""Records to rows and back: columns are named as the records' members; members with a shape of their own are JSON."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, TypeVar

import msgspec

_JSON: Final = frozenset(
    {"act", "approvals", "data", "decision", "head", "identity", "progress", "reviewers", "said", "struck"}
)

T = TypeVar("T")


def to_row(record: msgspec.Struct) -> dict[str, Any]:
    """The named parameters of a statement."""
    row: dict[str, Any] = {name: getattr(record, name) for name in record.__struct_fields__}
    return row | {name: json_text(row[name]) for name in _JSON & row.keys()}


def from_row(row: sqlite3.Row, type_: type[T], **more: Any) -> T:
    """The record in `row`; columns that it has no member for are left out."""
    return msgspec.convert(_values(row) | more, type_)


def json_text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _values(row: sqlite3.Row) -> dict[str, Any]:
    return {
        name: msgspec.json.decode(row[name]) if name in _JSON and row[name] is not None else row[name]
        for name in row.keys()  # noqa: SIM118 - iterating a Row gives its values
    }
