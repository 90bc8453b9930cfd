"""The rules in use, on a side that runs for long: `Followed` for rules."""

from __future__ import annotations

from collections.abc import Callable

from p0_access.followed import Followed
from p0_access.routing.load import load
from p0_access.routing.pins import check_pins
from p0_access.routing.rules import RuleSet


class CurrentRules(Followed[RuleSet]):
    """A rule for one of `workload_issuers` without pinned claims makes the file a bad one."""

    def __init__(
        self, read: Callable[[], bytes], *, source: str, workload_issuers: frozenset[str] = frozenset()
    ) -> None:
        def parse(data: bytes) -> RuleSet:
            rules = load(data, source=source)
            check_pins(rules, workload_issuers=workload_issuers)
            return rules

        super().__init__(read, parse)

    @property
    def rules(self) -> RuleSet:
        return self.value
