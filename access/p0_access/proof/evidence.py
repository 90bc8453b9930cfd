"""The evidence: an agent's hash-chained log of the original signed records, and what can be told of a copy of it.

    leaf(n) = SHA-256(0x00 ‖ u64(n) ‖ u64(at) ‖ u64(len(kind)) ‖ kind ‖ body)
    h(n)    = SHA-256(0x01 ‖ h(n-1) ‖ leaf(n)),  h(-1) = 32 zero bytes

Numbers are big-endian, texts UTF-8, `at` in seconds. Entry 0 is of kind `genesis` and its body is the thumbprint of the
agent's key. Heads ride in every credential, signed, so whoever rewrites the log contradicts what was handed out before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from p0_access.encoding import b64u
from p0_access.errors import P0Error
from p0_access.messages.mandates import Extension, Notice
from p0_access.messages.records import Admission, Credential, Deletion, LogHead, Record, Refusal
from p0_access.proof import jws
from p0_access.proof.keys import PublicKey

GENESIS: Final = "genesis"
BEFORE_GENESIS: Final = bytes(32)

SIGNED_BY_THE_AGENT: Final[Mapping[str, type[Record]]] = {
    "admission": Admission,
    "refusal": Refusal,
    "credential": Credential,
    "deletion": Deletion,
    "extension": Extension,
    "notice": Notice,
}
"""Kinds of entries whose body the agent itself signed."""

Wrong = Literal["gap", "edit", "fork", "truncation", "foreign"]


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    n: int
    at: int
    kind: str
    body: str
    h: bytes


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a log, at which entry.

    gap         entries are missing between others
    edit        an entry is not what its hash, or the agent's signature in it, says
    fork        the log is whole, but not the one that a known head was of: it was written anew
    truncation  the log ends before a known head
    foreign     the log is another agent's
    """

    what: Wrong
    n: int
    message: str


def link(previous: bytes, *, n: int, at: int, kind: str, body: str) -> bytes:
    """The hash of entry `n`, given that of the one before it."""
    named = kind.encode()
    leaf = hashlib.sha256(b"\0" + _u64(n) + _u64(at) + _u64(len(named)) + named + body.encode()).digest()
    return hashlib.sha256(b"\1" + previous + leaf).digest()


def examine(entries: Sequence[LogEntry], *, key: PublicKey, heads: Iterable[LogHead] = ()) -> tuple[Finding, ...]:
    """All that is wrong with `entries`, which claim to be the whole log of the agent with `key`, in order.

    `heads` are those known from elsewhere; the ones in the log's own credentials count as well.
    """
    found = [*_foreign(entries, key), *_broken(entries)]
    own: list[LogHead] = []
    for entry in entries:
        type_ = SIGNED_BY_THE_AGENT.get(entry.kind)
        if type_ is None:
            continue
        try:
            record = jws.verify(entry.body, type_, key).record
        except P0Error:
            found.append(Finding(what="edit", n=entry.n, message=f"entry {entry.n} is not signed by the agent"))
            continue
        if isinstance(record, Credential):
            own.append(record.log)
    hashes = {entry.n: b64u(entry.h) for entry in entries}
    last = max(hashes, default=-1)
    for head in dict.fromkeys([*heads, *own]):
        if head.n > last:
            message = f"entry {head.n} was there once; the log ends at {last}"
            found.append(Finding(what="truncation", n=last + 1, message=message))
        elif hashes.get(head.n, head.h) != head.h:
            message = f"entry {head.n} was another once: the log was written anew, from there or before"
            found.append(Finding(what="fork", n=head.n, message=message))
    return tuple(sorted(found, key=lambda each: each.n))


def _foreign(entries: Sequence[LogEntry], key: PublicKey) -> Iterator[Finding]:
    first = entries[0] if entries else None
    if first is not None and first.n == 0 and (first.kind, first.body) != (GENESIS, key.thumbprint):
        yield Finding(what="foreign", n=0, message="the log does not begin in the name of this agent's key")


def _broken(entries: Sequence[LogEntry]) -> Iterator[Finding]:
    """Each entry is held against the one before it as it stands, so that one that was changed does not hide another."""
    expected, previous = 0, BEFORE_GENESIS
    for entry in entries:
        if entry.n != expected:
            missing = f"entries {expected} to {entry.n - 1} are missing" if entry.n > expected else "out of order"
            yield Finding(what="gap", n=expected, message=f"before entry {entry.n}: {missing}")
        elif link(previous, n=entry.n, at=entry.at, kind=entry.kind, body=entry.body) != entry.h:
            yield Finding(what="edit", n=entry.n, message=f"entry {entry.n} is not what its hash says")
        expected, previous = entry.n + 1, entry.h


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")
