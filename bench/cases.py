"""The tests' own cases of inference as SQL to measure with; what they need is the tests' business."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CASES: Final = Path(__file__).parent.parent / "tests" / "inference_cases"
THEMES: Final = ("select", "session", "utility", "views_and_functions", "writing")


def statements(*themes: str) -> list[str]:
    """Of these themes, or of all; each as it stands there, psql's commands included."""
    found = []
    for theme in themes or THEMES:
        blocks = (CASES / f"{theme}.txt").read_text(encoding="utf-8").strip().split("\n\n")
        found += ["\n".join(line for line in block.split("\n") if not line.startswith("    ")) for block in blocks]
    return found
