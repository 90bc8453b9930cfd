"""A database that was restored under a running agent is put in order, once for however many noticed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from p0_access.errors import P0Error
from p0_agent.postgres.cluster import Cluster
from p0_agent.postgres.evidence import REWOUND_CODE

log = logging.getLogger("p0.agent")


class Recovery:
    """`recover` puts it in order and returns the moment before which nothing signed counts: from then on it is
    `not_before`."""

    def __init__(self, cluster: Cluster, recover: Callable[[], Awaitable[int]]) -> None:
        self._cluster = cluster
        self._recover = recover
        self._turn = asyncio.Lock()
        self.not_before: int | None = None

    async def attempt(self) -> bool:
        """False if it cannot be done now."""
        async with self._turn:
            try:
                await self._cluster.evidence.head()
            except P0Error as error:
                if error.code != REWOUND_CODE:
                    return False
            else:
                return True
            try:
                self.not_before = await self._recover()
            except P0Error as error:
                log.warning("could not put a restored database in order: %s", error, extra={"code": error.code})
                return False
            self._cluster.evidence.forget()
        return True
