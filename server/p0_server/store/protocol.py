"""What the server needs of a store: few atomic operations over the records of `records`.

Every operation is all or nothing, and durable when it returns. One contract suite (`tests/contracts/test_store.py`)
holds for every implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from p0_server.store.records import (
    CatalogVersion,
    Change,
    ClaimedJob,
    Done,
    DueNotice,
    ListKind,
    LoggedEvent,
    NewEvent,
    NewJob,
    NoticeCount,
    Remark,
    Seen,
    Settled,
    StandIn,
    StoredAgent,
    StoredCatalog,
    StoredJob,
    StoredRequest,
    Undelivered,
    UsedProof,
    Viewer,
)


class Store(Protocol):
    """Times are seconds since the epoch. Sequence numbers grow, and become visible in their order."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """`callback` is called, on the event loop, after every commit that added events or jobs."""

    async def create(
        self,
        request: StoredRequest,
        event: NewEvent,
        job: NewJob,
        *,
        reviewers: frozenset[str],
        open_limit: int,
        stand_ins: tuple[StandIn, ...] = (),
    ) -> StoredRequest:
        """A new request. `stand_ins` hold until it is final. Raises `RidTakenError`, or `ConflictError` when its
        requestor has `open_limit` open ones."""

    async def change(self, change: Change) -> StoredRequest:
        """Applies one step. Raises `ChangedError`, or `StaleLeaseError` when `done` is not the job's current lease."""

    async def finish(self, done: Done, now: int) -> None:
        """Ends a job that changes nothing any more. Raises `StaleLeaseError`."""

    async def request(self, rid: str) -> StoredRequest | None: ...

    async def request_by_hash(self, rh: str) -> StoredRequest | None: ...

    async def seen(self, rid: str, keys: frozenset[str], now: int) -> Seen | None:
        """The request as somebody with `keys` looks at it; whether they may is not looked at."""

    async def requests(self, kind: ListKind, viewer: Viewer, limit: int) -> tuple[tuple[StoredRequest, bool], ...]:
        """The newest first, each with whether the viewer is among its reviewers. `to-review` are the pending ones, and
        emergencies that nobody has reviewed; `mandates` are allowances and delegations, which are in no other list."""

    async def to_lapse(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        """Submitted, pending or approved past their `exp`, unless an agent has one in hand under a live lease."""

    async def to_escalate(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        """Pending ones whose `escalate_at` has come."""

    async def to_expire(self, now: int, limit: int) -> tuple[StoredRequest, ...]:
        """Allowances and delegations that stand past their end."""

    async def stood_in_for(self, keys: frozenset[str], now: int) -> frozenset[str]:
        """The keys of those whom somebody with `keys` stands in for."""

    async def events(self, *, after: int, limit: int, rid: str | None = None) -> tuple[LoggedEvent, ...]: ...

    async def last_seq(self) -> int: ...

    async def claim(self, agent: str, *, now: int, until: int, leases: tuple[str, ...]) -> tuple[ClaimedJob, ...]:
        """Hands out the oldest jobs that may be, one for each of `leases` at most.

        A request's jobs are handed out one after another, except that an `end` waits for none that was handed out
        before: a job that its agent cannot finish must not stand in the way of ending the access.
        """

    async def claimable(self, agent: str, now: int) -> bool:
        """Whether `claim` would find a job."""

    async def release(self, agent: str, now: int) -> None:
        """Ends the leases of what the agent has in hand, so that it is handed out again. Until it is, a result under
        the old lease still counts."""

    async def job(self, job: str) -> StoredJob | None: ...

    async def job_of_act(self, act_hash: str) -> StoredJob | None: ...

    async def put_catalog(self, catalog: StoredCatalog) -> None:
        """Replaces the database's catalog, unless the stored one is newer (by `at`)."""

    async def catalog(self, database: str) -> StoredCatalog | None: ...

    async def catalog_versions(self) -> tuple[CatalogVersion, ...]: ...

    async def heard(self, agent: StoredAgent) -> None:
        """Notes what an agent said; members that are None stay as they were."""

    async def agents(self) -> tuple[StoredAgent, ...]: ...

    def keep_proof(self, proof: UsedProof) -> Awaitable[None]:
        """It is kept with, or before, whatever is written next; awaiting it makes that now."""

    async def proofs(self, now: int) -> tuple[UsedProof, ...]:
        """Those that need be known, the oldest first."""

    async def forget_proofs(self, now: int) -> None:
        """Forgets the others."""

    async def due_notices(self, target: str, *, now: int, limit: int) -> tuple[DueNotice, ...]:
        """The oldest first."""

    async def settle_notice(self, number: int, settled: Settled) -> None:
        """How an attempt ended; of one that is settled already nothing changes."""

    async def undelivered(self, limit: int) -> tuple[Undelivered, ...]:
        """Dead ones, and those that failed and wait, the newest first."""

    async def notice_counts(self) -> tuple[NoticeCount, ...]: ...

    async def revive_notices(self, now: int) -> int:
        """Dead ones are tried again; how many."""

    async def forget_notices(self, before: int) -> None:
        """Forgets those that were sent before."""

    async def remark(self, remark: Remark) -> None:
        """Replaces what was said about the same before."""

    async def remarked(self, about: str) -> Remark | None: ...

    async def close(self) -> None: ...
