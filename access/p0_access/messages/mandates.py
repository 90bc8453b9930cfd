"""Records that stand for a while, and those of what follows a request: what `records` has no place for.

A *mandate* is signed in advance: an allowance is an approval of what somebody may ask for later, a delegation lets
somebody approve in one's place. Both name a person exactly, last from `nbf` to `exp`, and are verified when they come.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from p0_access.messages.records import Act, Hash, Id, Name, Permissions, Record, Seconds, Text, Ttl
from p0_access.plain import unmarked

MAX_USES = 1_000
MAX_NAMED = 20
"""Permissions that a notice spells out."""


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person as somebody else names them: by the subject or by the verified address at one issuer."""

    iss: Annotated[str, Meta(min_length=1, max_length=255)]
    sub: Annotated[str, Meta(min_length=1, max_length=255)] | None
    email: Annotated[str, Meta(min_length=3, max_length=255)] | None

    def __post_init__(self) -> None:
        if (self.sub is None) == (self.email is None):
            raise ValueError("exactly one of sub and email")

    def means(self, *, iss: str, sub: str, email: str | None) -> bool:
        """Whether a verified person is meant; `email` is their verified address, if any."""
        if iss != self.iss:
            return False
        if self.sub is not None:
            return sub == self.sub
        return email is not None and self.email is not None and email.lower() == self.email.lower()

    def __str__(self) -> str:
        return self.sub or self.email or ""


class Mandate(Act, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What both have. `rid` is the short id people use; `exp` is when it ends."""

    rid: Id
    nbf: Seconds
    comment: Text


class Allow(Mandate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval in advance of at most `uses` requests of `subject` that need no more than `permissions`, each for at
    most `ttl` seconds."""

    TYP = "p0-allow+jws"
    subject: Named
    database: Name
    permissions: Permissions
    kinds: Annotated[tuple[Literal["statement", "role", "grant"], ...], Meta(min_length=1, max_length=3)]
    uses: Annotated[int, Meta(ge=1, le=MAX_USES)]
    ttl: Ttl


class Delegation(Mandate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`to` may approve in place of who signs: in all that they may approve, or only as one of `groups`."""

    TYP = "p0-delegation+jws"
    to: Named
    groups: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=50)] | None


class Review(Act, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An emergency access has been looked at; `ah` is the admission that was read."""

    TYP = "p0-review+jws"
    rh: Hash
    ah: Hash
    comment: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Extension(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By the agent: by the request `rh`, the login of the request `extends` lasts until `not_after`."""

    TYP = "p0-extension+jws"
    rh: Hash
    extends: Hash
    login: str
    not_after: Seconds
    at: Seconds


class Notice(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody breaks the glass. `permissions` are spelled out, at most `MAX_NAMED`; of SQL there is nothing in it."""

    TYP = "p0-notice+jws"
    rh: Hash
    rid: Id
    database: Name
    requestor: str
    reason: Text
    permissions: tuple[str, ...]
    rules: tuple[str, ...]
    notify: tuple[str, ...]
    ttl: int
    review_within: int
    at: Seconds

    @property
    def text(self) -> str:
        """A sentence that chat systems may show as it is: whoever asks wrote some of it."""
        return (
            f"p0: {unmarked(self.requestor)} breaks the glass on {unmarked(self.database)} ({self.rid}): "
            f"{unmarked(self.reason)}. "
            f"For {', '.join(self.notify)}: p0 show {self.rid}, then p0 review {self.rid}"
        )
