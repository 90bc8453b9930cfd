"""Bytes on the wire: base64url, strict JSON, tagged hashes.

Strict JSON refuses what lenient parsers let through and attackers use: duplicate keys, non-finite numbers,
unknown fields, bodies above a cap, deep nesting, halves of characters. Records are msgspec structs, so shapes are
checked by type.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from p0_access.errors import MalformedError
from p0_access.packed import Packed

MAX_RECORD_BYTES: Final = 256 * 1024
"""No record, with all it carries, is larger."""

MAX_JSON_DEPTH: Final = 24

T = TypeVar("T")

_B64U: Final = re.compile(r"[A-Za-z0-9_-]*\Z")
_NEITHER_QUOTE_NOR_BRACKET: Final = bytes(each for each in range(256) if each not in b'"[]{}')
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def b64u(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64u_decode(text: str) -> bytes:
    """The inverse of `b64u`; refuses padding, foreign characters and non-canonical endings."""
    if not _B64U.match(text) or len(text) % 4 == 1:
        raise MalformedError("not base64url", code="malformed_base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64u(data) != text:
        raise MalformedError("not canonical base64url", code="malformed_base64url")
    return data


def tagged_hash(tag: bytes, data: bytes) -> str:
    """b64u(SHA256(tag ‖ 0 ‖ u64be(len) ‖ data)): the tag keeps hashes for different uses apart."""
    return b64u(hashlib.sha256(tag + b"\0" + len(data).to_bytes(8, "big") + data).digest())


def sha256_b64u(data: bytes) -> str:
    return b64u(hashlib.sha256(data).digest())


def decode(data: bytes | str, type_: type[T], *, max_bytes: int = MAX_RECORD_BYTES) -> T:
    """Strict JSON to a record of `type_`, or `MalformedError` with the path of what is wrong."""
    raw = data.encode() if isinstance(data, str) else data
    value = strict_json(raw, max_bytes=max_bytes)
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        raise MalformedError(str(error), code="malformed_record") from error


def encode(record: object) -> bytes:
    """A record as compact UTF-8 JSON, in field order."""
    return msgspec.json.encode(record, enc_hook=_unpacked)


def _unpacked(value: object) -> msgspec.Raw:
    """What msgspec asks about a type that it does not know."""
    if isinstance(value, Packed):
        return value.json()
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def strict_json(raw: bytes, *, max_bytes: int = MAX_RECORD_BYTES) -> Any:
    """Parse JSON (RFC 8259), refusing duplicate keys, NaN and infinities, texts that are not Unicode, and more than
    `max_bytes`."""
    if len(raw) > max_bytes:
        raise MalformedError(f"longer than {max_bytes} bytes", code="oversize")
    if raw.count(b"[") + raw.count(b"{") > MAX_JSON_DEPTH and _depth(raw) > MAX_JSON_DEPTH:
        raise MalformedError(f"nested deeper than {MAX_JSON_DEPTH}", code="too_deep")
    try:
        if _SURROGATE.search(raw):
            msgspec.json.decode(raw)  # refuses an escaped half of a character, which no text can be encoded with
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except MalformedError:
        raise
    except (ValueError, RecursionError, msgspec.DecodeError) as error:  # Unicode and JSON errors are ValueErrors
        raise MalformedError("not valid JSON", code="malformed_json") from error


def _depth(raw: bytes) -> int:
    """Of JSON up to the first place where it is none: beyond that nothing is parsed. Byte by byte, of those that matter
    once nothing is escaped."""
    deepest = depth = 0
    in_string = False
    for byte in raw.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, delete=_NEITHER_QUOTE_NOR_BRACKET):
        if byte == 0x22:
            in_string = not in_string
        elif in_string:
            continue
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("a key stands twice in one object", code="duplicate_key")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedError(f"{name} is not a JSON number", code="malformed_json")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedError("a number is out of range", code="malformed_json")
    return value
