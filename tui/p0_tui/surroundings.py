"""What helps to judge a request beside what is signed: what its requestor holds now, what was asked for before, and
what every login of that database may call anyway. From the server and the catalog: a help to the eye, no proof."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from p0_access.messages.records import Admission
from p0_access.messages.views import RequestSummary, RequestView, State
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.permission import Permission, canonical

MAX_SIMILAR: Final = 5
MAX_HOLDINGS: Final = 5
"""Of more open accesses than these, only the newest are looked into."""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """`held` is what the requestor holds on the database now, None if that is not known."""

    held: tuple[Permission, ...] | None = None
    similar: tuple[RequestSummary, ...] = ()
    callable_by_all: tuple[str, ...] = ()


def holdings_of(request: RequestSummary, everything: Iterable[RequestSummary]) -> list[str]:
    """The ids of the open accesses of the same person on the same database."""
    return [
        item.rid
        for item in everything
        if item.state is State.ACTIVE
        and (item.requestor.iss, item.requestor.sub) == (request.requestor.iss, request.requestor.sub)
        and item.database == request.database
        and item.rid != request.rid
    ][:MAX_HOLDINGS]


def held_by(views: Iterable[RequestView]) -> tuple[Permission, ...]:
    """The permissions that `views` were admitted with; those without a readable admission count for nothing."""
    from p0_access.errors import P0Error
    from p0_access.proof.jws import unverified_record

    found: set[Permission] = set()
    for view in views:
        if view.admission is None:
            continue
        try:
            found.update(unverified_record(view.admission, Admission).permissions)
        except P0Error:
            continue
    return canonical(found)


def similar_to(request: RequestSummary, everything: Iterable[RequestSummary]) -> tuple[RequestSummary, ...]:
    """Requests for the same text on the same database first, then others of the same person there; newest first."""
    others = [item for item in everything if item.database == request.database and item.rid != request.rid]
    same = [item for item in others if item.summary == request.summary]
    theirs = [item for item in others if item.requestor == request.requestor and item.summary != request.summary]
    return tuple((*same, *theirs)[:MAX_SIMILAR])


def callable_by_all(catalog: Catalog, schemas: Sequence[str]) -> tuple[str, ...]:
    """Functions of these schemas that run with their owner's rights and that every login may call."""
    return tuple(
        f"{item.schema}.{item.name}({item.arguments})"
        for item in catalog.functions
        if item.security_definer and item.public and item.schema in schemas
    )
