"""An exported log as a file: `p0 agent audit` writes it, everything else reads it.

The first line is `{"v": 1, "agent": <the agent's public key as a JWK>}`; each other one is an entry of the log,
`{"n", "at", "kind", "body", "h"}` with `h` in base64url. The lines are JSON in UTF-8, in the order of the log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from p0_access.encoding import MAX_RECORD_BYTES, b64u_decode, decode
from p0_access.errors import MalformedError
from p0_access.proof.evidence import LogEntry
from p0_access.proof.keys import PublicKey
from p0_launcher.access import unpinned
from p0_launcher.errors import UsageError
from p0_launcher.files import read_bytes

MAX_LINE_BYTES = 2 * MAX_RECORD_BYTES


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A log as it stands in a file. That it is whole, and the agent's, is for `examine` to say."""

    key: PublicKey
    entries: tuple[LogEntry, ...]


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    v: Literal[1]
    agent: PublicKey


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    n: int
    at: int
    kind: str
    body: str
    h: str


def read_copy(path: Path, *, trusted: Collection[str]) -> Copy:
    """The copy at `path`, of an agent whose thumbprint is among the `trusted`."""
    lines = read_bytes(path).splitlines()
    if not lines:
        raise UsageError(f"{path} is empty", code="not_evidence", hint="p0 agent audit writes such a file")
    try:
        key = decode(lines[0], _Head, max_bytes=1024).agent
    except MalformedError as error:
        raise UsageError(
            f"{path} is no copy of an agent's evidence: {error}",
            code="not_evidence",
            hint="p0 agent audit writes such a file",
        ) from error
    if key.thumbprint not in trusted:
        raise unpinned(key.thumbprint)
    return Copy(key=key, entries=tuple(_entries(lines[1:], path)))


def _entries(lines: Sequence[bytes], path: Path) -> list[LogEntry]:
    found = []
    for number, text in enumerate(lines, start=2):
        try:
            line = decode(text, _Line, max_bytes=MAX_LINE_BYTES)
            found.append(LogEntry(n=line.n, at=line.at, kind=line.kind, body=line.body, h=b64u_decode(line.h)))
        except MalformedError as error:
            raise UsageError(
                f"{path}, line {number}: {error}",
                code="not_evidence",
                hint="p0 agent audit writes such a file; has this one been edited, or cut?",
            ) from error
    return found
