"""`p0 agent submit`: a file into the inbox, and the running agent's answer out of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from p0_access.encoding import decode
from p0_access.errors import MalformedError
from p0_access.messages.job import HandedOver, Result
from p0_agent.config import Settings
from p0_agent.errors import ConfigurationError
from p0_agent.files import read_file
from p0_agent.postgres.inbox import Inbox
from p0_agent.setup import connections_to

PAUSE: Final = 0.2
"""Seconds between two looks."""


async def submitted(settings: Settings, file: Path, *, patience: float) -> Result | None:
    """The answer, or None if there is none within `patience` seconds. What is no act is refused here."""
    body = read_file(file)
    try:
        decode(body, HandedOver)
    except MalformedError as error:
        raise ConfigurationError(
            f"{file} is nothing to hand over: {error}", code=error.code, hint="p0 revoke ID --to-file FILE writes it"
        ) from error
    connections = connections_to(settings)
    try:
        inbox = Inbox(connections)
        n = await inbox.put(body.decode())
        deadline = time.monotonic() + patience
        while True:
            answer = await inbox.answered(n)
            if answer is not None:
                return decode(answer, Result)
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(PAUSE)
    finally:
        await connections.close()
