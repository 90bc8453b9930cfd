"""Shell completion from the server's lists. It never fails and never waits long: no answer means no suggestions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from p0_access.errors import P0Error

if TYPE_CHECKING:
    from p0_launcher.connection import Connection

SECONDS: Final = 2.0

T = TypeVar("T")


def databases(incomplete: str) -> list[str]:
    """Names of databases."""

    async def names(connection: Connection) -> list[str]:
        return [view.name for view in await connection.api.databases()]

    return [name for name in _ask(names) if name.startswith(incomplete)]


def request_ids(incomplete: str) -> list[tuple[str, str]]:
    """Ids of requests with what they are about."""

    async def ids(connection: Connection) -> list[tuple[str, str]]:
        from p0_launcher.text import line

        found = await connection.api.requests("all", limit=50)
        return [(view.rid, line(f"{view.state} {view.database}: {view.summary}", 60)) for view in found]

    return [item for item in _ask(ids) if item[0].startswith(incomplete)]


def _ask(question: Callable[[Connection], Awaitable[list[T]]]) -> list[T]:
    import asyncio

    from p0_launcher.connection import connect
    from p0_launcher.profile import load

    async def answered() -> list[T]:
        async with asyncio.timeout(SECONDS), connect(load()) as connection:
            return await question(connection)

    try:
        return asyncio.run(answered())
    except (P0Error, TimeoutError):
        return []
