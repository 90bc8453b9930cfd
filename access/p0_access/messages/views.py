"""What the server shows people: unsigned views for lists and screens, never grounds for a decision.

Where it matters (approving, opening a credential) the signed records inside a view are verified instead.
`docs/openapi.json`
describes the same shapes for other programs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from p0_access.messages.job import Progress
from p0_access.messages.records import Id, Subject
from p0_access.permissions.reading import Refused, StatementReading
from p0_access.proof.keys import PublicKey
from p0_access.routing.decision import MAX_DEMANDS, Decision, StepUp


class State(StrEnum):
    """Where a request is. `draft` lives on the client only."""

    SUBMITTED = "submitted"
    PENDING = "pending"
    APPROVED = "approved"
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"
    REFUSED = "refused"
    DENIED = "denied"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    NEEDS_CHANGES = "needs_changes"
    NEEDS_LOGIN = "needs_login"

    @property
    def final(self) -> bool:
        """Nothing more happens to a request in this state."""
        return self in _FINAL


_FINAL = frozenset(
    {State.ENDED, State.REFUSED, State.DENIED, State.CANCELLED, State.LAPSED, State.NEEDS_CHANGES, State.NEEDS_LOGIN}
)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all views. Unknown members are ignored: a newer server may say more."""


EventType = Literal[
    "submitted", "admitted", "approval", "denied", "refused", "approved", "collected", "provisioning", "active",
    "ending", "ended", "failed", "lapsed", "cancelled", "needs_changes", "needs_login",
    "escalated", "extended", "reviewed", "used",
]  # fmt: skip

RequestKind = Literal["request", "allow", "delegation"]
"""An allowance or a delegation is seen like a request: made by who signed it, active while it stands."""


class Event(View, frozen=True, kw_only=True):
    """One row of the append-only log. `seq` grows over all requests; `at` is in seconds; `actor` is for people."""

    seq: int
    rid: Id
    at: int
    type: EventType
    state: State
    actor: str | None = None
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class RequestSummary(View, frozen=True, kw_only=True):
    """One line of a list. Times in seconds since the epoch; `summary` is the start of the SQL, or the role, or the
    grant. `used` counts the requests that an allowance served; an emergency with `review_due` and no `reviewed_by`
    waits for somebody to look at it; `struck` is what approvers took away, in words."""

    rid: Id
    database: str
    state: State
    end_cause: str | None
    requestor: Subject
    reason: str
    summary: str
    created: int
    updated: int
    ttl: int | None
    not_after: int | None
    login: str | None
    progress: tuple[Progress, ...]
    code: str | None
    message: str | None
    hint: str | None
    mine: bool
    reviewable: bool
    kind: RequestKind = "request"
    used: int = 0
    review_due: int | None = None
    reviewed_by: str | None = None
    struck: tuple[str, ...] = ()


class AgentView(View, frozen=True, kw_only=True):
    thumbprint: str
    jwk: PublicKey


class RequestView(RequestSummary, frozen=True, kw_only=True):
    """All there is to know of a request. `credential` (sealed) is there only for its requestor, only while active;
    `decision` is the server's preview, the admission's is the agent's word."""

    request: str
    admission: str | None
    refusal: str | None
    approvals: tuple[str, ...]
    credential: str | None
    deletion: str | None
    decision: Decision | None
    agent: AgentView
    extension: str | None = None
    events: tuple[Event, ...]


class DatabaseView(View, frozen=True, kw_only=True):
    """`agent` is the thumbprint of the agent that serves it; `seen` when it was last heard of."""

    name: str
    agent: str
    online: bool
    catalog_version: str | None
    rules_match: bool
    seen: int | None


class CatalogView(View, frozen=True, kw_only=True):
    """The catalog's exact bytes as text, the agent's signature over their hash, and the key to verify it with."""

    record: str
    catalog: str
    agent: AgentView | None = None


class Explained(View, frozen=True, kw_only=True):
    """The server's preview of drafted SQL. `decision` is null when a statement was not understood."""

    statements: tuple[StatementReading | Refused, ...]
    decision: Decision | None
    catalog_version: str
    rules_sha256: str


class Me(View, frozen=True, kw_only=True):
    """Who the server takes the caller for; `exp` is until when."""

    subject: Subject
    groups: tuple[str, ...]
    exp: int


class ErrorView(View, frozen=True, kw_only=True):
    """`step_up`, with the code `step_up_required`: what sign-in the act needs beside it."""

    code: str
    message: str
    hint: str | None = None
    step_up: Annotated[tuple[StepUp, ...], msgspec.Meta(max_length=MAX_DEMANDS)] | None = None


class ErrorBody(View, frozen=True, kw_only=True):
    error: ErrorView
