"""What a store takes and gives, and how it fails. What is done with them is in `protocol`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

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
