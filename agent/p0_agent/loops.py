"""A loop that outlives every failure of its step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from p0_access.errors import P0Error
from p0_agent.postgres.evidence import REWOUND_CODE

log = logging.getLogger("p0.agent")

BACK_OFF_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses of a loop that cannot reach what it needs; the last one repeats."""


async def repeat(
    name: str, step: Callable[[], Awaitable[None]], pause: float, *, recovered: Callable[[], Awaitable[bool]]
) -> None:
    """Without an end. A failure is told once, until the step works again; `recovered` is called where it was that the
    database had been restored, and says whether that is over."""
    failures = 0
    while True:
        try:
            await step()
        except P0Error as error:
            if failures == 0:
                log.warning("%s: %s", name, error, extra={"code": error.code})
            if error.code == REWOUND_CODE and await recovered():
                continue
            await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
            failures += 1
            continue
        except Exception:
            log.exception("%s met a defect", name)
            await asyncio.sleep(BACK_OFF_SECONDS[-1])
            continue
        if failures:
            log.info("%s: works again", name)
            failures = 0
        await asyncio.sleep(pause)
