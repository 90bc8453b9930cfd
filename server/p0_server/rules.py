"""Follows the files that the server goes by, rules and directory, while it runs. A bad file never replaces a good one.

Each outcome is logged, and noted in the store for `p0 server doctor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from p0_access.errors import P0Error
from p0_access.followed import Refreshed
from p0_access.routing.current import CurrentRules
from p0_access.routing.directory import CurrentDirectory
from p0_access.routing.lint import KnownGroups, lint
from p0_server.preview.previewer import Previewer
from p0_server.store.protocol import Store
from p0_server.store.records import Remark

INTERVAL_SECONDS: Final = 2.0
"""How late a change may be noticed without a signal."""

_LOG: Final = logging.getLogger(__name__)


class RulesFollower:
    """`run` until cancelled; `renew` looks at the files at once. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        rules: CurrentRules,
        directory: CurrentDirectory,
        previewer: Previewer,
        store: Store,
        clock: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._directory = directory
        self._previewer = previewer
        self._store = store
        self._clock = clock
        self._now = asyncio.Event()

    def renew(self) -> None:
        self._now.set()

    async def run(self) -> None:
        self._warn()
        await self._note()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), INTERVAL_SECONDS)
            self._now.clear()
            known = (self._rules.problem, self._directory.problem)
            rules = await asyncio.to_thread(self._rules.refresh)
            directory = await asyncio.to_thread(self._directory.refresh)
            if rules == "replaced":
                await self._previewer.use(self._rules.rules, self._rules.data)
            if {rules, directory} != {"same"} or known != (self._rules.problem, self._directory.problem):
                await self._note()
            _tell("rules", rules, self._rules.rules.sha256, self._rules.problem)
            _tell("directory", directory, self._directory.value.sha256, self._directory.problem)
            if "replaced" in {rules, directory}:
                self._warn()

    def _warn(self) -> None:
        """Of groups that rules name and the directory does not have, or too few people in. Tokens may bring both."""
        directory = self._directory.value
        if not directory.sha256:
            return
        for finding in lint(self._rules.rules, groups=KnownGroups.of(directory, "the directory")):
            if finding.code in {"unknown_group", "too_few"}:
                _LOG.warning("rules, line %d: %s", finding.line, finding.message)

    async def _note(self) -> None:
        problems = [str(each) for each in (self._rules.problem, self._directory.problem) if each is not None]
        said = {
            "rules_sha256": self._rules.rules.sha256,
            "directory_sha256": self._directory.value.sha256 or None,
            "problems": problems,
        }
        try:
            await self._store.remark(Remark(about="rules", at=int(self._clock()), said=said))
        except P0Error as error:
            _LOG.warning("what rules are in use cannot be noted: %s", error)


def _tell(what: str, outcome: Refreshed, sha256: str, problem: P0Error | None) -> None:
    match outcome:
        case "replaced":
            _LOG.info("%s replaced", what, extra={"sha256": sha256})
        case "kept":
            _LOG.error("%s not usable, the old ones stay: %s", what, problem)
        case "same":
            pass
