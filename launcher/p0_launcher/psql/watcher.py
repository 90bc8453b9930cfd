"""One-shot accesses: a process of its own that outlives the launcher, sees psql end, and gives the access back.

It is forked before this process becomes psql, holds neither terminal nor password file, and is gone at the access's
end at the latest. Should it be killed, the agent ends the access by itself.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from typing import Final

from p0_access.errors import P0Error
from p0_launcher.connection import connect
from p0_launcher.errors import UnavailableError
from p0_launcher.profile import Profile

_ATTEMPT_SECONDS: Final = 2.0


def relinquish_after_exit(profile: Profile, rid: str, *, not_after: int) -> None:
    """Returns at once in the calling process, whose end is watched from here on, whatever program it becomes."""
    watched = os.pidfd_open(os.getpid())
    child = os.fork()
    if child:
        os.close(watched)
        os.waitpid(child, 0)
        return
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:  # nobody's child: psql never sees it, and no zombie is left
            _watch(profile, rid, watched, not_after)
        status = 0
    except (OSError, P0Error):
        pass  # there is nobody to tell; the agent ends the access by itself
    finally:
        os._exit(status)


def _watch(profile: Profile, rid: str, watched: int, not_after: int) -> None:
    _let_go(watched)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    if poll.poll(max(not_after - time.time(), 0) * 1000):
        asyncio.run(_relinquish(profile, rid, not_after))


def _let_go(keep: int) -> None:
    """No terminal, no pipe that somebody waits on, no password file; the working directory is nobody's."""
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


async def _relinquish(profile: Profile, rid: str, not_after: int) -> None:
    while True:
        try:
            async with connect(profile) as connection:
                await connection.workflow.give_back(rid, comment="psql has ended")
        except UnavailableError:
            if time.time() > not_after:
                return
            await asyncio.sleep(_ATTEMPT_SECONDS)
        else:
            return
