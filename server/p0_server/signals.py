"""A broadcast: whoever waits is woken whenever something was committed, and at once when the server stops."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final


class Signal:
    """Take a ticket, look at the state of things, then wait on the ticket: nothing that happens between is missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.closed = False

    def ticket(self) -> asyncio.Event:
        return self._event

    def notify(self) -> None:
        event = self._event
        if not self.closed:
            self._event = asyncio.Event()
        event.set()

    def close(self) -> None:
        """Wakes everybody, now and from now on."""
        self.closed = True
        self.notify()


class Patience:
    """How long a call is held until what it asks for is there."""

    LOOK_AGAIN_SECONDS: Final = 2.0
    """Time alone changes things, too: a lease runs out, another server on the same store commits."""

    def __init__(self, signal: Signal, seconds: float) -> None:
        self._signal = signal
        self._deadline = asyncio.get_running_loop().time() + seconds

    async def wait(self, ticket: asyncio.Event) -> bool:
        """Until it is worth to look again; False when the time is up, or the server stops."""
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0 or self._signal.closed:
            return False
        await wait(ticket, min(left, self.LOOK_AGAIN_SECONDS))
        return True


async def wait(ticket: asyncio.Event, seconds: float) -> None:
    """Until the ticket is called, or `seconds` have passed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ticket.wait()
