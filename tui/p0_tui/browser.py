"""Sending the person to their browser to sign in, and staying until that is over, or they give it up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from p0_tui.errors import TuiError

T = TypeVar("T")

Announce = Callable[[str, Callable[[], None]], Callable[[], None]]
"""`(url, give_up) → take_away`: says on the screen that the browser is needed, until it is taken away."""


class Browser:
    """One sign-in at a time; `announce_by` says who tells the person."""

    def __init__(self) -> None:
        self._announce: Announce | None = None
        self._take_away: Callable[[], None] | None = None
        self._acting: asyncio.Task[Any] | None = None
        self._opening: set[asyncio.Task[None]] = set()

    def announce_by(self, announce: Announce) -> None:
        self._announce = announce

    def show_url(self, url: str, port: int) -> None:
        """What the launcher calls when a sign-in is needed; returns at once."""
        del port
        opening = asyncio.get_running_loop().create_task(_open(url))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        self.announce(url)

    def announce(self, url: str) -> None:
        """Tells the person, without opening anything."""
        if self._announce is not None:
            self._take_away = self._announce(url, self._give_up)

    async def during(self, act: Coroutine[Any, Any, T]) -> T:
        """The result of `act`, which may need the browser; raises `TuiError` if the person gives that up."""
        self._acting = acting = asyncio.get_running_loop().create_task(act)
        try:
            return await acting
        except asyncio.CancelledError:
            if acting.cancelled() and self._acting is None:
                raise TuiError("the sign-in was given up: nothing was signed", code="sign_in_given_up") from None
            acting.cancel()
            raise
        finally:
            self._acting = None
            if self._take_away is not None:
                self._take_away()
                self._take_away = None

    def _give_up(self) -> None:
        acting, self._acting = self._acting, None
        if acting is not None:
            acting.cancel()


async def _open(url: str) -> None:
    """In a session of its own and without this terminal, which a browser for terminals would take."""
    browser = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webbrowser", url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    await browser.wait()
