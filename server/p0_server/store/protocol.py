"""What the server needs of a store: records, and a protocol of few atomic operations.

Every operation is all or nothing, and durable when it returns. One contract suite (`tests/contracts/test_store.py`)
holds for every implementation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import msgspec

from p0_access.messages.identity import Identity, SignedAct
from p0_access.messages.job import JobKind, Progress
from p0_access.messages.records import LogHead, Subject
from p0_access.messages.views import Event, EventType, RequestKind, State
from p0_access.routing.decision import Decision
from p0_server.errors import ConflictError, UnavailableError


class StoreError(UnavailableError):
    """The store does not answer, or cannot be used as it is."""


class RidTakenError(ConflictError):
    """The request id stands for another request already."""


class ChangedError(ConflictError):
    """The request is no longer as it was when it was read: read again, decide again."""


class StaleLeaseError(ConflictError):
    """The job has been handed out anew, or is done: a result under this lease does not count."""


class StoredRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a request. `version` is the sequence number of its last event, set by the store.

    `identity` holds tokens: it is None once the request is final. It lapses after `exp`, while it waits. An allowance
    or a delegation is kept like a request: its requestor is who signed it, and it is `active` while it stands.
    """

    rid: str
    rh: str
    kind: RequestKind = "request"
    version: int = 0
    agent: str
    database: str
    state: State
    iss: str
    sub: str
    email: str | None
    reason: str
    summary: str
    created: int
    updated: int
    exp: int
    ttl: int | None
    record: str
    identity: Identity | None
    decision: Decision | None = None
    progress: tuple[Progress, ...] = ()
    approvals: tuple[str, ...] = ()
    admission: str | None = None
    refusal: str | None = None
    credential: str | None = None
    deletion: str | None = None
    login: str | None = None
    not_after: int | None = None
    end_cause: str | None = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    used: int = 0
    escalate_at: int | None = None
    review_due: int | None = None
    reviewed_by: str | None = None
    struck: tuple[str, ...] = ()
    extension: str | None = None

    @property
    def requestor(self) -> Subject:
        return Subject(iss=self.iss, sub=self.sub, email=self.email)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A request, the keys of its reviewers, and the keys of those whom the one who looks stands in for."""

    request: StoredRequest
    reviewers: frozenset[str]
    in_place_of: frozenset[str]


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer with `key` sees, until then, what one with `as_key` would."""

    key: str
    as_key: str
    until: int


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A row for the log; the store numbers it."""

    at: int
    type: EventType
    state: State
    actor: str | None = None
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with whom it may be shown to: its requestor, and reviewers by their keys."""

    event: Event
    iss: str
    sub: str
    reviewers: frozenset[str]


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job for an agent. `act_hash` names the record that made it: there is one job for one act."""

    job: str
    agent: str
    kind: JobKind
    act_hash: str
    act: SignedAct | None
    actor: str
    created: int


class StoredJob(NewJob, frozen=True, kw_only=True):
    """`lease` is the last one it was handed out under, until `lease_until`. `act` is None once it is done."""

    rid: str
    lease: str | None
    lease_until: int | None
    deliveries: int
    done_at: int | None
    outcome: str | None
    code: str | None
    message: str | None
    hint: str | None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a job, by the result that came under `lease`."""

    job: str
    lease: str
    outcome: str
    code: str | None
    message: str | None
    hint: str | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a request: what it becomes, the rows of the log that say so, and what happens to its jobs.

    It counts only if the request still has the `version` of `request`; `reviewers` are added. A step into a final
    state closes all of the request's jobs and forgets its tokens.
    """

    request: StoredRequest
    events: tuple[NewEvent, ...]
    reviewers: frozenset[str] = frozenset()
    job: NewJob | None = None
    done: Done | None = None


class ClaimedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was just handed out, with the request that it is about."""

    job: StoredJob
    request: StoredRequest


class StoredCatalog(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    agent: str
    version: str
    at: int
    record: str
    catalog: str


class CatalogVersion(msgspec.Struct, frozen=True, kw_only=True):
    database: str
    agent: str
    version: str


class StoredAgent(msgspec.Struct, frozen=True, kw_only=True):
    """When an agent was last heard of, and what it last said of itself."""

    thumbprint: str
    seen: int
    rules_sha256: str | None = None
    software: str | None = None
    head: LogHead | None = None


class UsedProof(msgspec.Struct, frozen=True, kw_only=True):
    """A proof of possession that was used. `jti` is unique for its key; it need not be known after `until`."""

    key: str
    jti: str
    until: int


class DueNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice to deliver. `id` is the same at each attempt; `attempts` is how many failed."""

    number: int
    id: str
    target: str
    due: int
    attempts: int
    event: Event
    request: StoredRequest


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended: `waiting` until `due` for the next one, `sent`, or `dead` after the last."""

    state: Literal["waiting", "sent", "dead"]
    due: int
    settled: int | None
    problem: str | None = None


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that failed at least once, for people."""

    number: int
    target: str
    rid: str
    type: str
    state: Literal["waiting", "dead"]
    attempts: int
    due: int
    problem: str | None


class NoticeCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many notices of a target wait, or are dead."""

    target: str
    state: Literal["waiting", "dead"]
    notices: int


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """What a running server last said about something, for whoever examines it from outside."""

    about: str
    at: int
    said: dict[str, Any]


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks: the subject, the keys by which they may be a reviewer, and those by which they may end any access."""

    iss: str
    sub: str
    keys: frozenset[str]
    ends: frozenset[str] = frozenset()


ListKind = Literal["mine", "to-review", "all", "mandates"]

SelectTargets = Callable[[StoredRequest, NewEvent], tuple[str, ...]]
"""Who is to be notified of a new row of the log, by name. Pure: it is asked in the row's own transaction."""


def nobody(_request: StoredRequest, _event: NewEvent) -> tuple[str, ...]:
    """Without notices."""
    return ()


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
