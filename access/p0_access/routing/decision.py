"""What routing yields: one closed union, with the trace that explains it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from p0_access.permissions.permission import Permission


class Requestor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verified subject. `email` is present only if the issuer verified it; `claims` only for a workload, sorted.

    `human` is the "iss#sub" that an alias map joins this subject with others under.
    """

    iss: str
    sub: str
    email: str | None = None
    groups: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] | None = None
    human: str | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """All that routing looks at; `question.ask` makes one from a catalog. `ttl` is in seconds.

    `tags` maps (schema, relation, column) to tags found in comments. `columns` has the columns of every relation that a
    permission is on as a whole. `sequence_owners` maps (schema, sequence) to the relations among whose column defaults
    it is. `definers` are the (schema, signature) of functions that run with their owners' rights. `reach_unknown` says
    that what owner-run code does on the caller's behalf is not all in `reached`.
    """

    requestor: Requestor
    database: str
    kind: Literal["statement", "role", "grant"]
    granted: tuple[Permission, ...]
    reached: tuple[Permission, ...] = ()
    tags: dict[tuple[str, str, str], frozenset[str]] = msgspec.field(default_factory=dict)
    columns: dict[tuple[str, str], tuple[str, ...]] = msgspec.field(default_factory=dict)
    sequence_owners: dict[tuple[str, str], tuple[tuple[str, str], ...]] = msgspec.field(default_factory=dict)
    definers: frozenset[tuple[str, str]] = frozenset()
    reach_unknown: bool = False
    ttl: int | None = None
    reason: str = ""
    break_glass: bool = False
    at: datetime


class Approvers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may approve: members of any of `groups`, or a listed subject ("iss#sub", or an e-mail address).

    With `issuer` only its subjects count; an e-mail address counts only with one.
    """

    groups: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    issuer: str | None = None


MAX_DEMANDS: Final = 64
"""Sign-ins of different strength that are told to who signs. One sign-in has to meet them all, and more."""


class StepUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sign-in made for one act. In a demand: the provider says one of `acr` and one of `amr`, where they are not
    empty. Of a token: what it says."""

    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()


class Alternative(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`count` different people out of `approvers`."""

    approvers: Approvers
    count: int


class Escalation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after` so many seconds from the admission, those of `to` may approve, too."""

    after: int
    to: Approvers


class Emergency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some of it is given by break-glass rules: the `notify` groups are told before anything is provisioned, and one of
    their members other than the requestor reviews it, within `review_within` seconds of its start."""

    rules: tuple[str, ...]
    notify: tuple[str, ...]
    review_within: int


Logged = Literal["none", "ddl", "mod", "all"]
LOGGED: Final[tuple[Logged, ...]] = get_args(Logged)
"""Which statements PostgreSQL logs, from few to all."""


class Session(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the sessions of an access are set to; what is None is left to the agent. Times in seconds, the limit on
    temporary files in MiB."""

    statement_timeout: int | None = None
    idle_timeout: int | None = None
    idle_in_transaction_timeout: int | None = None
    connections: int | None = None
    temp_file_limit: int | None = None
    log_statement: Logged | None = None


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`count` different people out of `approvers`, or one of the alternatives `instead`, must approve `permissions`;
    `rule` demands it. Alternatives are not added up. With `escalate`, more people may after a while. With `step_up`
    each of them signs in for it."""

    rule: str
    approvers: Approvers
    count: int
    permissions: tuple[Permission, ...]
    instead: tuple[Alternative, ...] = ()
    escalate: Escalation | None = None
    step_up: StepUp | None = None

    @property
    def ways(self) -> tuple[Alternative, ...]:
        """Each of them is enough."""
        return (Alternative(approvers=self.approvers, count=self.count), *self.instead)


class Considered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule held against one permission: `matched`, and if not, the first thing that did not fit."""

    rule: str
    matched: bool
    because: str


class Traced(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For one permission the rules considered, in order, and the outcome. `because` tells what the rules can't.

    `reached`: it is not asked for, but touched on the caller's behalf. `omitted`: so many more rules were considered
    and did not match; they are left out to keep records small, and routing again with the same rules finds them.
    A permission on a whole relation has an entry for each rule that decides some of its columns.
    """

    permission: Permission
    considered: tuple[Considered, ...]
    outcome: Literal["auto", "approvers", "deny", "implied"]
    rule: str | None
    because: str = ""
    reached: bool = False
    omitted: int = 0


class Automatic(msgspec.Struct, frozen=True, kw_only=True, tag_field="verdict", tag="auto"):
    """Granted without a person. `ttl` in seconds: the least of asked, rules and defaults; `ttl_because` says whose.

    `not_after`, in seconds since the epoch: the access ends by then, whenever it starts, since a rule's window closes.
    With `emergency` it is given by breaking the glass. The request comes with a sign-in that meets all of `step_up`.
    """

    ttl: int
    trace: tuple[Traced, ...]
    ttl_because: str = ""
    not_after: int | None = None
    emergency: Emergency | None = None
    step_up: tuple[StepUp, ...] = ()
    session: Session | None = None


class NeedsApproval(msgspec.Struct, frozen=True, kw_only=True, tag_field="verdict", tag="approvers"):
    """Every requirement must be met; nobody approves their own, and one human counts once towards each count.

    `ttl`, `ttl_because`, `not_after`, `emergency` and `step_up` (the requestor's) as in `Automatic`.
    """

    ttl: int
    requirements: tuple[Requirement, ...]
    trace: tuple[Traced, ...]
    ttl_because: str = ""
    not_after: int | None = None
    emergency: Emergency | None = None
    step_up: tuple[StepUp, ...] = ()
    session: Session | None = None


class Denied(msgspec.Struct, frozen=True, kw_only=True, tag_field="verdict", tag="deny"):
    """`reasons` are for people, one a line: the rule's own words, or that no rule covers a permission."""

    reasons: tuple[str, ...]
    trace: tuple[Traced, ...]


Decision = Automatic | NeedsApproval | Denied
