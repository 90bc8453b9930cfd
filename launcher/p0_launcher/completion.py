"""Shell completion from the server's lists. It never fails and never waits long: no answer means no suggestions.

What is offered ends on a command line, and zsh evaluates it on the way there, as well as what describes it. So names
that a shell would want quoted are not offered, and descriptions, whose SQL others wrote, lose what a shell obeys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from p0_access.errors import P0Error

if TYPE_CHECKING:
    from p0_launcher.connection import Connection

SECONDS: Final = 2.0

_OBEYED: Final = str.maketrans(dict.fromkeys("\\$`\"'", " "))

T = TypeVar("T")


def databases(incomplete: str) -> list[str]:
    """Names of databases."""

    async def names(connection: Connection) -> list[str]:
        return [view.name for view in await connection.api.databases()]

    return [name for name in _ask(names) if name.startswith(incomplete) and _is_plain(name)]


def request_ids(incomplete: str) -> list[tuple[str, str]]:
    """Ids of requests with what they are about."""

    async def ids(connection: Connection) -> list[tuple[str, str]]:
        from p0_launcher.text import line

        found = await connection.api.requests("all", limit=50)
        return [(view.rid, line(f"{view.state} {view.database}: {view.summary}", 60)) for view in found]

    offered = [(rid, told.translate(_OBEYED)) for rid, told in _ask(ids)]
    return [item for item in offered if item[0].startswith(incomplete) and _is_plain(item[0])]


def _is_plain(word: str) -> bool:
    return all(character.isalnum() or character in "._-:@+,/" for character in word)


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
