"""Step 7: what a request needs. SQL that is not understood is refused here, with its place."""

from __future__ import annotations

from msgspec import UNSET

from p0_access.messages.records import Request
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH
from p0_agent.core.context import Context
from p0_agent.errors import Step, at
from p0_agent.reading.reader import RequestReading


async def read(request: Request, context: Context) -> RequestReading:
    with at(Step.READING):
        return await context.reader.read(
            request.database, request.what, tagged=lambda *place: bool(context.rules.tags_of(*place))
        )


def search_path(request: Request) -> tuple[str, ...]:
    """What gave the SQL its meaning, and is set for the login, too."""
    path = request.what.search_path
    return DEFAULT_SEARCH_PATH if path is UNSET else path
