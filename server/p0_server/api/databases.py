"""The databases, and their catalogs as their agents signed them."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from p0_access.messages.views import AgentView, CatalogView, DatabaseView
from p0_server.api.operation import Call, Operation, answer


class DatabaseList(msgspec.Struct, frozen=True, kw_only=True):
    databases: tuple[DatabaseView, ...]


async def listed(call: Call) -> Response:
    return answer(DatabaseList(databases=await call.services.databases.listed(call.person)))


async def catalog(call: Call) -> Response:
    found = await call.services.databases.catalog(call.person, call.path("name"))
    etag = f'"{found.version}"'
    known = [each.strip().removeprefix("W/") for each in call.http.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": etag})
    agent = call.services.databases.agent(call.person, call.path("name"))
    view = CatalogView(
        record=found.record, catalog=found.catalog, agent=AgentView(thumbprint=agent.thumbprint, jwk=agent.jwk)
    )
    return answer(view, headers={"ETag": etag})


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/databases",
        name="databases",
        summary="Every database that the caller could be granted something in or review, and how its agent is.",
        handler=listed,
        answers={200: DatabaseList},
    ),
    Operation(
        method="GET",
        path="/v1/databases/{name}/catalog",
        name="catalog",
        summary="A database's catalog, exactly as its agent signed it.",
        handler=catalog,
        answers={200: CatalogView, 304: None},
        errors=(404, 503),
        headers={"If-None-Match": "The ETag of the catalog that the caller has: its version in double quotes."},
    ),
)
