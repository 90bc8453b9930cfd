"""Signed records as compact JWS (RFC 7515) under Ed25519.

The header is exactly `{"alg","typ","kid"}`; any other member is refused, so nothing in it can steer verification. The
exact
payload bytes travel, so no canonical JSON is needed. A record is named by the hash of its signing input, never of the
signature, which is not unique for a message in every implementation.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

from p0_access.encoding import MAX_RECORD_BYTES, b64u, b64u_decode, decode, encode, tagged_hash
from p0_access.errors import MalformedError, ProofError
from p0_access.messages.records import Record
from p0_access.proof.keys import PublicKey, SigningKey

MAX_COMPACT_CHARS = MAX_RECORD_BYTES * 4 // 3 + 1024

RecordT = TypeVar("RecordT", bound=Record)


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    alg: Literal["EdDSA"] = "EdDSA"
    typ: str
    kid: str


class Verified(msgspec.Struct, Generic[RecordT], frozen=True, kw_only=True):
    """A record whose signature held. `hash` names it in other records; `compact` is the JWS as it came."""

    record: RecordT
    hash: str
    compact: str


def sign(record: Record, key: SigningKey) -> str:
    """The compact JWS of `record`."""
    header = _Header(typ=record.TYP, kid=key.public.thumbprint)
    signing_input = f"{b64u(encode(header))}.{b64u(encode(record))}"
    return f"{signing_input}.{b64u(key.sign(signing_input.encode('ascii')))}"


def record_hash(compact: str) -> str:
    """b64u(SHA256("p0-signed-v1" ‖ 0 ‖ u64be(len) ‖ header.payload)), without looking at the signature.

    Every text has one, so that a refusal can name what it refuses, whatever that is.
    """
    signing_input, _, _ = compact.rpartition(".")
    return tagged_hash(b"p0-signed-v1", signing_input.encode("utf-8", "surrogatepass"))


def verify(compact: str, type_: type[RecordT], key: PublicKey) -> Verified[RecordT]:
    """Checks shape, type, key and signature, in this order. What the record *means* is the caller's to check."""
    header, payload, signature = _split(compact)
    if header.typ != type_.TYP:
        raise ProofError(f"this is a {header.typ!r}, not a {type_.TYP!r}", code="record_type")
    if header.kid != key.thumbprint:
        raise ProofError("signed by another key than expected", code="record_key")
    signing_input, _, _ = compact.rpartition(".")
    key.verify(signature, signing_input.encode("ascii"))
    return Verified(record=decode(payload, type_), hash=record_hash(compact), compact=compact)


def unverified_record(compact: str, type_: type[RecordT]) -> RecordT:
    """The payload, with nothing checked but its shape: for display and bookkeeping, never for a decision."""
    header, payload, _ = _split(compact)
    if header.typ != type_.TYP:
        raise ProofError(f"this is a {header.typ!r}, not a {type_.TYP!r}", code="record_type")
    return decode(payload, type_)


def unverified_type(compact: str) -> str:
    """The `typ` that a JWS claims, to tell records apart before they are verified."""
    return _split(compact)[0].typ


def _split(compact: str) -> tuple[_Header, bytes, bytes]:
    if len(compact) > MAX_COMPACT_CHARS:
        raise MalformedError("the record is too large", code="oversize")
    parts = compact.split(".")
    if len(parts) != 3:
        raise MalformedError("not a compact JWS", code="malformed_jws")
    header, payload, signature = (b64u_decode(part) for part in parts)
    return decode(header, _Header, max_bytes=1024), payload, signature
