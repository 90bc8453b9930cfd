"""What the terminal must be, and lending it to another program.

Textual reads stdin and draws to stderr, so all three streams must be the terminal: `p0 tui 2>log` would be a blank
screen. While psql or an editor has the terminal, Ctrl-C belongs to it alone: SIGINT is ignored here and restored in the
child, and the child is awaited, not waited for, so that the application's own loop goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from textual.app import App

from p0_tui.errors import TuiError

_STREAMS = ("stdin", "stdout", "stderr")


def require_terminal() -> None:
    """Raises unless the standard streams are a terminal that can be drawn on."""
    for number, name in enumerate(_STREAMS):
        if not os.isatty(number):
            raise TuiError(
                f"p0 tui draws on the terminal, and {name} is not one",
                code="not_a_terminal",
                hint="Run it without redirection; in scripts use p0 psql, p0 requests and p0 approve.",
            )
    if os.environ.get("TERM", "dumb") == "dumb":
        raise TuiError("this terminal cannot place the cursor (TERM=dumb)", code="not_a_terminal", hint="Set TERM.")


async def lend(
    app: App[Any],
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    descriptors: Sequence[int] = (),
    pause: bool = False,
) -> int:
    """Suspends `app`, runs `argv` on its terminal and returns the exit status (negative: ended by that signal).

    `descriptors` stay open in the child. With `pause` what it printed stays until Enter. Raises OSError if it cannot be
    started.
    """
    with app.suspend(), _interrupts_belong_to_the_child():
        sys.stdout.flush()
        child = await asyncio.create_subprocess_exec(
            *argv,
            env=None if environment is None else dict(environment),
            pass_fds=tuple(descriptors),
            preexec_fn=_restore_interrupts,
        )
        status = await child.wait()
        if pause:
            sys.stdout.write("\n[Enter goes back to p0 tui] ")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)
        return status


@contextmanager
def _interrupts_belong_to_the_child() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _restore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
