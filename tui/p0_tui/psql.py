"""psql on an access: on the lent terminal, or in the place of p0 tui."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from p0_tui.backend import Backend
from p0_tui.errors import TuiError

if TYPE_CHECKING:
    from p0_launcher.access import Access
    from p0_launcher.psql.handover import Launch

Run = Callable[..., Awaitable[int]]
"""Runs a program on the terminal: (argv, environment=, descriptors=, pause=) → exit status."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """What p0 tui leaves the terminal to when it is gone."""

    access: Access
    launch: Launch


async def run_psql(backend: Backend, rid: str, run: Run, *, statement: bool) -> int:
    """Opens the access of `rid`, collecting it if need be, and runs psql on it: with `statement` what was signed, then
    waiting for Enter; else interactively. Gives psql's exit status.

    What psql inherits of the login is closed here when it has ended, and an access for one use is given back.
    """
    access = await backend.open(rid)
    launch = await backend.psql(access, statement=statement)
    try:
        return await run(
            launch.arguments, environment=launch.environment, descriptors=launch.descriptors, pause=statement
        )
    except OSError as error:
        raise TuiError(f"psql could not be started: {error.strerror}", code="psql_unusable") from error
    finally:
        launch.close()
        if access.one_shot:
            await backend.give_back(rid)


async def prepare_handover(backend: Backend, rid: str) -> Handover:
    """An interactive psql on the access of `rid`, to become once the application has left the terminal."""
    access = await backend.open(rid)
    return Handover(access=access, launch=await backend.psql(access, statement=False))
