"""Follows the file of rules while the server runs. A bad file never replaces a good one; each outcome is logged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from p0_access.routing.current import CurrentRules
from p0_server.preview.previewer import Previewer

INTERVAL_SECONDS: Final = 2.0
"""How late a change may be noticed without a signal."""

_LOG: Final = logging.getLogger(__name__)


class RulesFollower:
    """`run` until cancelled; `renew` looks at the file at once."""

    def __init__(self, rules: CurrentRules, previewer: Previewer, *, interval: float = INTERVAL_SECONDS) -> None:
        self._rules = rules
        self._previewer = previewer
        self._interval = interval
        self._now = asyncio.Event()

    def renew(self) -> None:
        self._now.set()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), self._interval)
            self._now.clear()
            match await asyncio.to_thread(self._rules.refresh):
                case "replaced":
                    await self._previewer.use(self._rules.rules, self._rules.data)
                    _LOG.info("rules replaced", extra={"sha256": self._rules.rules.sha256})
                case "kept":
                    _LOG.error("rules not usable, the old ones stay: %s", self._rules.problem)
                case "same":
                    pass
