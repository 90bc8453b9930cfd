"""A catalog from its JSON: as strict as every record, with the relations and functions packed."""

from __future__ import annotations

from typing import Final

import msgspec

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError
from p0_access.packed import Packed
from p0_access.permissions.catalog import Catalog, Function, Relation

MAX_CATALOG_BYTES: Final = 64 * 1024 * 1024

_NONE: Final = msgspec.Raw(b"[]")


def decode_catalog(data: bytes | str, *, by_hand: bool = True) -> Catalog:
    """Raises `MalformedError` with the path of what is wrong, wherever in the catalog it is.

    What is not as `encode` writes it, down to the last space, takes ten times as much memory to read and to complain
    of: `by_hand` False refuses it.
    """
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_CATALOG_BYTES:
        raise MalformedError(f"longer than {MAX_CATALOG_BYTES} bytes", code="oversize")
    try:
        return _packed(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if not by_hand:
            raise MalformedError(str(error), code="malformed_record") from error
        catalog = decode(raw, Catalog, max_bytes=MAX_CATALOG_BYTES)
        return _packed(encode(catalog))


def _packed(raw: bytes) -> Catalog:
    """Of JSON as `encode` writes it, which is as strict as JSON can be; else `ValueError` or an error of msgspec's."""
    members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    few = {name: _NONE if name in ("relations", "functions") else text for name, text in members.items()}
    catalog = msgspec.json.decode(encode(few), type=Catalog)
    if encode(members) != raw or any(encode(getattr(catalog, name)) != bytes(text) for name, text in few.items()):
        raise ValueError("not as it would be written")
    return msgspec.structs.replace(
        catalog,
        relations=Packed(Relation, _each(members["relations"])),
        functions=Packed(Function, _each(members.get("functions", _NONE))),
    )


def _each(text: msgspec.Raw) -> list[msgspec.Raw]:
    return msgspec.json.decode(text, type=list[msgspec.Raw])
