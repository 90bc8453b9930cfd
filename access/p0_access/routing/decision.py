"""What routing yields: one closed union, with the trace that explains it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from p0_access.permissions.permission import Permission


class Requestor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verified subject. `email` is present only if the issuer verified it."""

    iss: str
    sub: str
    email: str | None = None
    groups: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """All that routing looks at. `tags` maps (schema, relation, column) to tags found in comments; `ttl` is in
    seconds."""

    requestor: Requestor
    database: str
    kind: Literal["statement", "role", "grant"]
    granted: tuple[Permission, ...]
    reached: tuple[Permission, ...] = ()
    tags: dict[tuple[str, str, str], frozenset[str]] = msgspec.field(default_factory=dict)
    ttl: int | None = None
    reason: str = ""
    break_glass: bool = False
    at: datetime


class Approvers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may approve: members of any of `groups`, or a listed subject ("iss#sub", or an e-mail address)."""

    groups: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`count` different people out of `approvers` must approve `permissions`; `rule` demands it."""

    rule: str
    approvers: Approvers
    count: int
    permissions: tuple[Permission, ...]


class Considered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule held against one permission: `matched`, and if not, the first thing that did not fit."""

    rule: str
    matched: bool
    because: str


class Traced(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For one permission the rules considered, in order, and the outcome."""

    permission: Permission
    considered: tuple[Considered, ...]
    outcome: Literal["auto", "approvers", "deny", "implied"]
    rule: str | None


class Automatic(msgspec.Struct, frozen=True, kw_only=True, tag_field="verdict", tag="auto"):
    """Granted without a person. `ttl` in seconds: the least of asked, rules and defaults."""

    ttl: int
    trace: tuple[Traced, ...]


class NeedsApproval(msgspec.Struct, frozen=True, kw_only=True, tag_field="verdict", tag="approvers"):
    """Every requirement must be met; nobody approves their own, and one human counts once towards each count."""

    ttl: int
    requirements: tuple[Requirement, ...]
    trace: tuple[Traced, ...]


class Denied(msgspec.Struct, frozen=True, kw_only=True, tag_field="verdict", tag="deny"):
    """`reasons` are for people, one a line: the rule's own words, or that no rule covers a permission."""

    reasons: tuple[str, ...]
    trace: tuple[Traced, ...]


Decision = Automatic | NeedsApproval | Denied
