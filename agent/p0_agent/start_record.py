"""What an agent remembers outside its database: how far its evidence had come when it last worked.

A database that was restored from a backup has forgotten denials, ends and replays since, and brings back accesses that
were ended, and mandates that were used up or withdrawn. It cannot tell by itself; this file beside the agent's key can.
It holds no secret, and is not evidence.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import msgspec

from p0_access.encoding import decode, encode
from p0_access.errors import MalformedError
from p0_access.messages.records import LogHead
from p0_access.proof.id_token import SKEW
from p0_agent.errors import ConfigurationError
from p0_agent.postgres.cluster import Cluster, Started
from p0_agent.postgres.evidence import Evidence

log = logging.getLogger("p0.agent")

REWOUND = "rewound"
"""The kind of the entry that says in the evidence itself that it had been further."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`not_before`: what was signed earlier is refused, since a ledger that is lost may have seen it."""

    v: Literal[1] = 1
    thumbprint: str
    not_before: int
    head: LogHead


class StartRecord:
    """The file at `path`. It is replaced as a whole."""

    def __init__(self, path: Path, thumbprint: str) -> None:
        self._path = path
        self._thumbprint = thumbprint
        self._kept: Remembered | None = None

    def read(self) -> Remembered | None:
        """What this agent's key last remembered; None where there is no file yet."""
        try:
            found = decode(self._path.read_bytes(), Remembered, max_bytes=4096)
        except FileNotFoundError:
            return None
        except (OSError, MalformedError) as error:
            raise ConfigurationError(
                f"cannot read {self._path}: {error}",
                code="state_unreadable",
                hint="Remove it if it is broken: the agent then believes what its ledger says.",
            ) from error
        self._kept = found if found.thumbprint == self._thumbprint else None
        return self._kept

    def keep(self, head: LogHead, *, not_before: int | None = None) -> None:
        """Remembers `head`, unless a later one is remembered already and `not_before` says nothing new."""
        kept = self._kept
        if not_before is None:
            if kept is None or head.n <= kept.head.n:
                return
            not_before = kept.not_before
        self._kept = Remembered(thumbprint=self._thumbprint, not_before=not_before, head=head)
        unfinished = self._path.with_name(self._path.name + ".new")
        try:
            unfinished.write_bytes(encode(self._kept))
            unfinished.replace(self._path)
        except OSError as error:
            raise ConfigurationError(f"cannot write {self._path}: {error}", code="state_unwritable") from error


async def recover(cluster: Cluster, record: StartRecord, thumbprint: str, now: int) -> int:
    """For a database that was restored, or failed over to an older state, under a running agent (`evidence_rewound`):
    what a restart would do. Returns as `reconcile`. Nobody else can write evidence before `Evidence.forget` follows."""
    fresh = Evidence(cluster.connections)
    born = await cluster.ledger.start(now)
    started = Started(warnings=(), ledger_born=born, head=await fresh.start(thumbprint, now))
    return await reconcile(cluster, record, started, now, evidence=fresh)


async def reconcile(
    cluster: Cluster, record: StartRecord, started: Started, now: int, *, evidence: Evidence | None = None
) -> int:
    """Holds the ledger against what is remembered; returns the time before which nothing signed is accepted.

    Where the database lacks what was there, all that it holds open is closed, all that it holds live begins to end, no
    mandate stands any more, and what was signed until now counts as seen.
    """
    evidence = evidence or cluster.evidence
    kept = record.read()
    if kept is None or await evidence.holds(kept.head):
        not_before = max(started.ledger_born, 0 if kept is None else kept.not_before)
        record.keep(started.head, not_before=not_before)
        return not_before
    log.warning("the database is older than this agent remembers, or lost its ledger: closing all that it holds")
    for entry in await cluster.ledger.open():
        await cluster.ledger.close(entry.rh, "lapsed", now)
    for entry in await cluster.ledger.live():
        await cluster.ledger.begin_end(entry.rh, "failed", now)
    await cluster.mandates.withdraw_all(now)
    not_before = now + SKEW + 1  # an act may be dated as far ahead as clocks may differ
    head = await evidence.append(REWOUND, encode(kept.head).decode(), now)
    record.keep(head, not_before=not_before)
    return not_before
