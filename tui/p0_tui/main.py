"""`p0 tui`: checks the terminal and the profile, then runs the application until it is left."""

from __future__ import annotations

import time
from pathlib import Path

from p0_tui.terminal import require_terminal


def run(*, profile: str | None = None, database: str | None = None) -> None:
    """Returns when the person leaves. Raises `P0Error` before anything is drawn if it cannot start."""
    require_terminal()
    from p0_launcher.profile import load
    from p0_tui.app import P0App
    from p0_tui.launcher_backend import LauncherBackend

    chosen = load(profile)
    P0App(LauncherBackend(chosen), clock=time.time, state=state_directory(chosen.name), database=database).run()


def state_directory(profile: str) -> Path:
    """Where drafts are kept, apart for each profile."""
    import platformdirs

    return Path(platformdirs.user_state_path("p0")) / "tui" / profile
