"""The four verdicts, each with a glyph, a word and a colour, so that no one cue has to carry the meaning."""

from __future__ import annotations

from enum import Enum

from p0_access.routing.decision import Automatic, Decision, Denied, NeedsApproval


class Verdict(Enum):
    AUTO = ("✓", "AUTO", "$text-success")
    APPROVAL = ("▲", "NEEDS APPROVAL", "$text-warning")
    DENIED = ("✗", "DENIED", "$text-error")
    UNKNOWN = ("?", "UNKNOWN", "$foreground-muted")

    @property
    def glyph(self) -> str:
        return self.value[0]

    @property
    def word(self) -> str:
        return self.value[1]

    @property
    def style(self) -> str:
        return self.value[2]


def verdict_of(decision: Decision | None) -> Verdict:
    """No decision is not a yes: it is unknown."""
    match decision:
        case Automatic():
            return Verdict.AUTO
        case NeedsApproval():
            return Verdict.APPROVAL
        case Denied():
            return Verdict.DENIED
        case None:
            return Verdict.UNKNOWN
