"""`make pictures`: the pictures in README and docs, from the terminal UI's snapshots.

A picture is a snapshot without its fonts from elsewhere: whoever looks at it loads nothing from the network.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAPSHOTS = ROOT / "tests/unit/tui/__snapshots__/test_snapshots"
PICTURES = ROOT / "docs/pictures"

CHOSEN = {
    "request.svg": "test_looks[needs_approval][120x40].svg",
    "ready.svg": "test_looks[ready][120x40].svg",
    "approving.svg": "test_looks[inbox_approving][120x40].svg",
    "emergency.svg": "test_looks[breaking_the_glass][120x40].svg",
    "mine.svg": "test_looks[mine][120x40].svg",
    "history.svg": "test_looks[history][120x40].svg",
    "small.svg": "test_looks[pending][80x24].svg",
    "light.svg": "test_looks_light[needs_approval].svg",
}

_FONT_FACES = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def picture(snapshot: str) -> str:
    """The SVG of a snapshot, in whatever monospaced font there is; its letters stand where they stood."""
    return _FONT_FACES.sub("", snapshot).replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for name, snapshot in CHOSEN.items():
        (PICTURES / name).write_text(picture((SNAPSHOTS / snapshot).read_text()))
    sys.stdout.write(f"{len(CHOSEN)} pictures in {PICTURES.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
