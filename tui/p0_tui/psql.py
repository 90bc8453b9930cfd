"""psql on an access, on the lent terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from p0_tui.backend import Backend
from p0_tui.errors import TuiError

Run = Callable[..., Awaitable[int]]
"""Runs a program on the terminal: (argv, environment=, descriptors=) → exit status."""


async def run_psql(backend: Backend, rid: str, run: Run) -> int:
    """Opens the access of `rid`, collecting it if need be, and runs psql on it; gives psql's exit status. What psql
    inherits of the login is closed here when it has ended."""
    launch = backend.psql(await backend.open(rid))
    try:
        return await run(launch.arguments, environment=launch.environment, descriptors=launch.descriptors)
    except OSError as error:
        raise TuiError(f"psql could not be started: {error.strerror}", code="psql_unusable") from error
    finally:
        launch.close()
