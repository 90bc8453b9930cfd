"""`p0 tui`: checks the terminal and the profile, then runs the application until it is left."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from p0_tui.terminal import require_terminal

if TYPE_CHECKING:
    from p0_launcher.profile import Profile
    from p0_tui.psql import Handover


def run(*, profile: str | None = None, database: str | None = None) -> None:
    """Returns when the person leaves, or becomes psql if that is what they left for. Raises `P0Error` before anything
    is drawn if it cannot start, and if it stopped on an error of its own, which is on the terminal already."""
    require_terminal()
    from p0_launcher.errors import LauncherError
    from p0_launcher.profile import load
    from p0_tui.app import P0App
    from p0_tui.launcher_backend import LauncherBackend

    chosen = load(profile)
    state = state_directory(chosen.name)
    backend = LauncherBackend(chosen, cache=state / "catalogs")
    app = P0App(backend, clock=time.time, state=state, database=database, started=_collect_garbage)
    app.run()
    if app.return_code:
        raise LauncherError("p0 tui stopped on an error of its own", code="internal", hint="The draft is kept.")
    if app.handover is not None:
        _become_psql(chosen, app.handover)


def _collect_garbage() -> None:
    """The command line turned it off for the start. What is loaded by now stays: no later search need go through it."""
    gc.freeze()
    gc.enable()


def _become_psql(profile: Profile, handover: Handover) -> NoReturn:
    from p0_launcher.psql.handover import become
    from p0_launcher.psql.watcher import relinquish_after_exit

    access = handover.access
    if access.one_shot:
        relinquish_after_exit(profile, access.rid, not_after=access.not_after)
    become(handover.launch)


def state_directory(profile: str) -> Path:
    """Where drafts are kept, apart for each profile."""
    import platformdirs

    return Path(platformdirs.user_state_path("p0")) / "tui" / profile
