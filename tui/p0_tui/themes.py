"""Dark, light and without colours; which one was chosen is kept beside the drafts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from textual.theme import Theme

from p0_tui.private_file import write_private

PLAIN: Final = "p0-plain"
"""Without colours: what has the focus and what a verdict is, is told by borders, signs and words."""

LIGHT: Final = "p0-light"
"""Textual's, with signs, muted words and borders dark enough to be read on it."""

NAMES: Final = ("textual-dark", LIGHT, PLAIN)

LIGHT_THEME: Final = Theme(
    name=LIGHT,
    primary="#004578",
    secondary="#0178d4",
    accent="#a56900",
    warning="#a56900",
    error="#ba3c5b",
    success="#238a52",
    foreground="#1f1f1f",
    background="#e0e0e0",
    surface="#d8d8d8",
    panel="#d0d0d0",
    dark=False,
    variables={
        "footer-key-foreground": "#0178d4",
        "foreground-muted": "#1f1f1fc0",
        "text-muted": "auto 75%",
        "panel-lighten-2": "#7c7c7c",
        "surface-lighten-2": "#a9bccf",
    },
)

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
