"""What a notice says. Pure: a request and a row of its log in, facts and plain sentences out.

It says no more than its target's `include` allows, and never a token, a credential, or a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from p0_access.messages.views import Event, State
from p0_access.plain import plain
from p0_server.notices.settings import AnyTarget, NoticeKind
from p0_server.store.records import NewEvent, StoredRequest

_HEADLINES: Final[dict[NoticeKind, str]] = {
    "waiting": "{who} asks for access to {database}",
    "submitted": "{who} has asked for access to {database}",
    "approved": "the access of {who} to {database} is approved",
    "denied": "the access of {who} to {database} is denied",
    "active": "the access of {who} to {database} has begun",
    "ended": "the access of {who} to {database} has ended",
    "lapsed": "the request of {who} for {database} has lapsed",
    "cancelled": "the request of {who} for {database} is cancelled",
    "failed": "something failed about the access of {who} to {database}",
}
_OTHERWISE: Final = "the request of {who} for {database}: {kind}"


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`review` is the command that shows the request. What is left out was not to be included, or is not there."""

    kind: NoticeKind
    at: int
    rid: str
    database: str
    state: State
    requestor: str
    actor: str | None = None
    reason: str | None = None
    summary: str | None = None
    comment: str | None = None
    review: str

    @property
    def headline(self) -> str:
        """One line."""
        form = _HEADLINES.get(self.kind, _OTHERWISE)
        text = form.format(who=self.requestor, database=self.database, kind=self.kind.replace("_", " "))
        return text if self.actor is None or self.actor == self.requestor else f"{text}, by {self.actor}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What stands below the headline."""
        facts = (("reason", self.reason), ("SQL", self.summary), ("comment", self.comment))
        return (*(f"{name}: {text}" for name, text in facts if text), f"To look at it: {self.review}")


def kinds(event: Event | NewEvent) -> tuple[NoticeKind, ...]:
    """What a row of the log is told as."""
    waits = event.type == "admitted" and event.state is State.PENDING
    return ("waiting", event.type) if waits else (event.type,)


def selecting(targets: Iterable[AnyTarget]) -> Callable[[StoredRequest, NewEvent], tuple[str, ...]]:
    """Which targets are told of a row: their names."""
    chosen = tuple((target, frozenset(target.events), target.patterns()) for target in targets)

    def select(request: StoredRequest, event: NewEvent) -> tuple[str, ...]:
        of_event = kinds(event)
        return tuple(
            target.name
            for target, events, patterns in chosen
            if not events.isdisjoint(of_event) and any(pattern.fits(request.database) for pattern in patterns)
        )

    return select


def notice(request: StoredRequest, event: Event, target: AnyTarget) -> Notice:
    kind = next((each for each in kinds(event) if each in target.events), event.type)
    comment = event.data.get("comment")

    def included(name: str, text: object) -> str | None:
        return plain(text) if name in target.include and isinstance(text, str) and text else None

    return Notice(
        kind=kind,
        at=event.at,
        rid=request.rid,
        database=plain(request.database),
        state=event.state,
        requestor=plain(request.email or f"{request.iss}#{request.sub}"),
        actor=None if event.actor is None else plain(event.actor),
        reason=included("reason", request.reason),
        summary=included("summary", request.summary),
        comment=included("comment", comment),
        review=f"p0 show {request.rid}",
    )
