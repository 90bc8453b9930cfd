"""What `p0 agent doctor` and `p0 server doctor` tell. Looks at nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from p0_access.errors import P0Error

Level = Literal["error", "gap", "fact"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An `error` keeps the program from working, a `gap` is the installation's to judge, a `fact` is only told. `fix`
    is SQL, or what else to do."""

    level: Level
    place: str
    what: str
    fix: str | None = None


def fact(place: str, what: str) -> Finding:
    return Finding(level="fact", place=place, what=what)


def failed(place: str, error: P0Error) -> Finding:
    return Finding(level="error", place=place, what=str(error), fix=error.hint)


def text(findings: Sequence[Finding]) -> str:
    """For a terminal: a line for each finding, and what mends it below."""
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{finding.level:<6}{finding.place}: {finding.what}")
        if finding.fix is not None:
            lines.append(f"      {finding.fix}")
    errors, gaps = (sum(finding.level == level for finding in findings) for level in ("error", "gap"))
    return "\n".join([*lines, f"{errors} errors, {gaps} gaps", ""])
