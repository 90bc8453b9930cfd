"""One rule as a record: for whom, about what, when, and what it says. `docs/rules.md` is the reference for authors.

Every selector that is left out (`None`) does not restrict; an empty one never occurs, since `load` refuses it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec

from p0_access.routing.decision import Alternative, Approvers, Escalation, Session, StepUp
from p0_access.routing.patterns import Pattern
from p0_access.routing.reasons import ReasonForm
from p0_access.routing.windows import Window

RequestKind = Literal["statement", "role", "grant"]
Signer = Literal["requestor", "approvers"]


class Requestors(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is in one of `groups`, is one of `subjects` ("iss#sub"), or has an address that fits `emails`.

    With `issuer` only its subjects count; `emails` and `claims` never stand without one. With `claims` it is for
    workloads whose token has one of the values of each, and for nobody else; these may stand alone.
    """

    issuer: str | None = None
    groups: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    emails: tuple[Pattern, ...] = ()
    claims: tuple[tuple[str, frozenset[str]], ...] = ()


class Resource(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a rule is about. `databases` and `schemas` narrow; the others select objects, each of its own kind.

    Columns, relations and tags narrow each other: a column must fit all that are given.
    """

    databases: tuple[Pattern, ...]
    schemas: tuple[Pattern, ...] | None = None
    relations: tuple[Pattern, ...] | None = None
    columns: tuple[Pattern, ...] | None = None
    tags: frozenset[str] | None = None
    functions: tuple[Pattern, ...] | None = None
    sequences: tuple[Pattern, ...] | None = None
    types: tuple[Pattern, ...] | None = None
    large_objects: tuple[Pattern, ...] | None = None
    roles: tuple[Pattern, ...] | None = None

    @cached_property
    def selects_columns(self) -> bool:
        """Whether it looks below the relation."""
        return self.columns is not None or self.tags is not None

    @cached_property
    def selects_relations(self) -> bool:
        return self.relations is not None or self.selects_columns

    @cached_property
    def selects(self) -> bool:
        """Whether it names objects at all; if not, it is about everything in its databases and schemas."""
        return self.selects_relations or self.selects_others

    @cached_property
    def selects_others(self) -> bool:
        """Whether it names objects that are no relations."""
        others = (self.functions, self.sequences, self.types, self.large_objects, self.roles)
        return any(each is not None for each in others)


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Which privileges, in which kinds of request."""

    privileges: frozenset[str] | None = None
    kinds: frozenset[RequestKind] | None = None


class Auto(msgspec.Struct, frozen=True):
    """Granted without a person."""


class Deny(msgspec.Struct, frozen=True):
    """Never granted; `message` tells the person why, or what to do instead."""

    message: str


class Quorum(msgspec.Struct, frozen=True):
    """`count` different people out of `approvers`, or one of the alternatives `instead`."""

    approvers: Approvers
    count: int
    instead: tuple[Alternative, ...] = ()

    @property
    def everybody(self) -> tuple[Approvers, ...]:
        return (self.approvers, *(way.approvers for way in self.instead))


class People(msgspec.Struct, frozen=True):
    """Granted once every one of `quorums` is met. With `escalate`, more people count towards each after a while."""

    quorums: tuple[Quorum, ...]
    escalate: Escalation | None = None

    @property
    def everybody(self) -> tuple[Approvers, ...]:
        later = () if self.escalate is None else (self.escalate.to,)
        return (*(approvers for quorum in self.quorums for approvers in quorum.everybody), *later)


class BreakGlass(msgspec.Struct, frozen=True):
    """Granted without a person to who asks for it as an emergency. The groups in `notify` are told at once, and have to
    review it within `review_within` seconds."""

    notify: tuple[str, ...]
    review_within: int


Approval = Auto | Deny | People | BreakGlass


class SteppingUp(msgspec.Struct, frozen=True, kw_only=True):
    """Whose acts need a sign-in of their own, nobody's if `of` is empty, and how strong it must be."""

    of: frozenset[Signer]
    demand: StepUp = StepUp()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `line` is its place in the document; `max_ttl` (seconds) and `require_reason` add to the defaults.

    With `reason` the request's own must name one of these forms. Without `step_up` the defaults hold.
    """

    name: str
    line: int
    requestors: Requestors | None
    resource: Resource
    access: Access
    when: Window | None
    approval: Approval
    max_ttl: int | None = None
    require_reason: bool = False
    reason: tuple[ReasonForm, ...] = ()
    step_up: SteppingUp | None = None
    session: Session | None = None

    @property
    def follows_reach(self) -> bool:
        """Whether it also looks at what is reached, not only at what is granted: denials and tags do."""
        return isinstance(self.approval, Deny) or self.resource.tags is not None

    @property
    def breaks_glass(self) -> bool:
        """Whether it is only there for requests that are signed as an emergency."""
        return isinstance(self.approval, BreakGlass)
