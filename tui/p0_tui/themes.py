"""Dark, light and without colours; which one was chosen is kept beside the drafts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from textual.theme import Theme

from p0_tui.private_file import write_private

PLAIN: Final = "p0-plain"
"""Without colours: what has the focus and what a verdict is, is told by borders, signs and words."""

NAMES: Final = ("textual-dark", "textual-light", PLAIN)

PLAIN_THEME: Final = Theme(
    name=PLAIN,
    primary="#d0d0d0",
    secondary="#c0c0c0",
    accent="#e0e0e0",
    warning="#d0d0d0",
    error="#ffffff",
    success="#d0d0d0",
    foreground="#e4e4e4",
    background="#101010",
    surface="#181818",
    panel="#262626",
    dark=True,
)


def read_theme(directory: Path | None) -> str:
    """The one that was chosen last, else the dark one."""
    if directory is None:
        return NAMES[0]
    try:
        name = (directory / "theme").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return NAMES[0]
    return name if name in NAMES else NAMES[0]


def keep_theme(directory: Path | None, name: str) -> None:
    """A theme that cannot be kept is no reason to stop."""
    if directory is not None:
        try:
            write_private(directory / "theme", name.encode() + b"\n")
        except OSError:
            return
