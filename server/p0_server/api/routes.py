"""All operations, in the order of the documentation."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from p0_server.api import agents, databases, events, explain, meta, requests
from p0_server.api.operation import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *meta.OPERATIONS,
    *databases.OPERATIONS,
    *explain.OPERATIONS,
    *requests.OPERATIONS,
    *events.OPERATIONS,
    *agents.OPERATIONS,
)


def routes() -> list[Route]:
    return [
        Route(operation.path, operation.endpoint, methods=[operation.method], name=operation.name)
        for operation in OPERATIONS
    ]
