"""Requests and the acts on them. An act is a signed record beside the identity that it names."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from p0_access.messages.identity import SignedAct
from p0_access.messages.mandates import Review
from p0_access.messages.records import Act, Approval, Collect, End
from p0_access.messages.views import Event, RequestSummary, RequestView
from p0_server.api.operation import Call, Operation, answer
from p0_server.requests import as_it_is
from p0_server.store.records import ListKind

Wait = Annotated[int, Meta(ge=0, le=25)]


class ActQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wait`: hold the answer for at most so many seconds until the agent has answered."""

    wait: Wait = 0


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`mine`, those waiting for a decision or a review that the caller may give, all that the caller may see, or the
    allowances and delegations that the caller signed or is named in."""

    view: ListKind = "mine"
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class ViewQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `after`, hold the answer for at most `wait` seconds until there is an event with a higher number."""

    wait: Wait = 0
    after: Annotated[int, Meta(ge=0)] | None = None


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    requests: tuple[RequestSummary, ...]


class EventList(msgspec.Struct, frozen=True, kw_only=True):
    events: tuple[Event, ...]


async def submit(call: Call) -> Response:
    view, new = await call.services.submission.submit(call.person, call.body, wait=call.query.wait)
    return answer(view, 201 if new else 200)


async def listed(call: Call) -> Response:
    query: ListQuery = call.query
    found = await call.services.requests.listed(call.person, query.view, query.limit)
    return answer(RequestList(requests=found))


async def shown(call: Call) -> Response:
    after = call.query.after
    until = as_it_is if after is None else lambda stored: stored.version > after
    view = await call.services.requests.view(call.person, call.path("rid"), until=until, wait=call.query.wait)
    return answer(view)


async def events(call: Call) -> Response:
    return answer(EventList(events=await call.services.requests.events(call.person, call.path("rid"))))


async def approve(call: Call) -> Response:
    return await _act(call, Approval)


async def collect(call: Call) -> Response:
    return await _act(call, Collect)


async def review(call: Call) -> Response:
    return await _act(call, Review)


async def mandate(call: Call) -> Response:
    view, new = await call.services.mandates.submit(call.person, call.body, wait=call.query.wait)
    return answer(view, 201 if new else 200)


async def end(call: Call) -> Response:
    return await _act(call, End)


async def _act(call: Call, type_: type[Act]) -> Response:
    return answer(await call.services.acting.act(call.person, call.path("rid"), call.body, type_, wait=call.query.wait))


_ACT_ERRORS = (403, 404, 409, 422)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/requests",
        name="submit",
        summary="Hand in a signed request. 200 when the same one came before.",
        handler=submit,
        query=ActQuery,
        body=SignedAct,
        answers={201: RequestView, 200: RequestView},
        errors=_ACT_ERRORS,
    ),
    Operation(
        method="GET",
        path="/v1/requests",
        name="requests",
        summary="Requests that the caller may see, the newest first.",
        handler=listed,
        query=ListQuery,
        answers={200: RequestList},
    ),
    Operation(
        method="GET",
        path="/v1/requests/{rid}",
        name="request",
        summary="All there is to know of a request.",
        handler=shown,
        query=ViewQuery,
        answers={200: RequestView},
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/v1/requests/{rid}/events",
        name="request_events",
        summary="What happened to a request, in order.",
        handler=events,
        answers={200: EventList},
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/v1/requests/{rid}/approvals",
        name="approve",
        summary="Hand in a signed approval or denial.",
        handler=approve,
        query=ActQuery,
        body=SignedAct,
        answers={200: RequestView},
        errors=_ACT_ERRORS,
    ),
    Operation(
        method="POST",
        path="/v1/requests/{rid}/collect",
        name="collect",
        summary="Say that the requestor is there and wants the approved access now.",
        handler=collect,
        query=ActQuery,
        body=SignedAct,
        answers={200: RequestView},
        errors=_ACT_ERRORS,
    ),
    Operation(
        method="POST",
        path="/v1/requests/{rid}/end",
        name="end",
        summary="Cancel, relinquish, revoke, or withdraw what stands.",
        handler=end,
        query=ActQuery,
        body=SignedAct,
        answers={200: RequestView},
        errors=_ACT_ERRORS,
    ),
    Operation(
        method="POST",
        path="/v1/requests/{rid}/review",
        name="review",
        summary="Say that an emergency has been looked at.",
        handler=review,
        query=ActQuery,
        body=SignedAct,
        answers={200: RequestView},
        errors=_ACT_ERRORS,
    ),
    Operation(
        method="POST",
        path="/v1/mandates",
        name="mandate",
        summary="Hand in a signed allowance or delegation. 200 when the same one came before.",
        handler=mandate,
        query=ActQuery,
        body=SignedAct,
        answers={201: RequestView, 200: RequestView},
        errors=_ACT_ERRORS,
    ),
)
