"""About the server itself, and about who calls."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from p0_access.messages.views import Me
from p0_server.api.operation import Call, Operation, answer
from p0_server.version import VERSION


class Health(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    version: str


async def health(_: Call) -> Response:
    return answer(Health(status="ok", version=VERSION))


async def openapi(call: Call) -> Response:
    return answer(call.http.app.state.openapi)


async def me(call: Call) -> Response:
    person = call.person
    return answer(Me(subject=person.subject, groups=person.groups, exp=person.current_until))


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/health",
        name="health",
        summary="Whether the server runs.",
        handler=health,
        caller="anyone",
        answers={200: Health},
    ),
    Operation(
        method="GET",
        path="/v1/openapi.json",
        name="openapi",
        summary="This document.",
        handler=openapi,
        caller="anyone",
        answers={200: dict},
    ),
    Operation(
        method="GET",
        path="/v1/me",
        name="me",
        summary="Who the server takes the caller for, and until when.",
        handler=me,
        answers={200: Me},
    ),
)
