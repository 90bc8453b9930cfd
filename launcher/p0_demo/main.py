"""`p0 demo`: everything on one machine, to look at."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import sys
import sysconfig
from typing import Annotated, Final

import typer

from p0_access.errors import P0Error
from p0_demo.stage import DANA, PAT, PEOPLE, Stage
from p0_demo.tour import Tour, say

EX_SOFTWARE: Final = 70
EX_INTERRUPTED: Final = 130

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def demo(
    *, keep: Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")] = False
) -> None:
    """Everything on this machine: PostgreSQL, sign-in, request, approval, rows, and a clean end.

    It needs no set-up and leaves nothing behind. With --keep it says how to use it from other terminals.

    Example: p0 demo --keep
    """
    try:
        status = asyncio.run(_run(keep=keep))
    except P0Error as error:
        sys.stderr.write(f"p0 demo: {error}\n" + (f"  {error.hint}\n" if error.hint else ""))
        status = EX_SOFTWARE
    raise SystemExit(status)


def run(arguments: list[str]) -> None:
    """`p0 demo` with these arguments; raises `SystemExit`."""
    app(arguments, prog_name="p0 demo")


async def _run(*, keep: bool) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    showing = asyncio.create_task(_show(keep=keep))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({showing, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if showing.done():
        await showing
        return 0
    sys.stderr.write("\np0 demo: stopping, and cleaning up\n")
    showing.cancel()
    # A terminal's Ctrl-C goes to the command that is running, too; that it ended is no failure of the tour then.
    with contextlib.suppress(asyncio.CancelledError, P0Error):
        await showing
    return 0 if keep else EX_INTERRUPTED


async def _show(*, keep: bool) -> None:
    say("Starting PostgreSQL, an identity provider, the server and the agent")
    async with Stage() as stage:
        await Tour(stage).walk()
        if not keep:
            say("That was all of it, and it is gone. To go on:")
            sys.stderr.write(
                "   p0 demo --keep   leaves it running, and says how to be dana or pat in other terminals\n"
                "   p0 tui           there: the terminal UI\n"
            )
            return
        say("It all stays up until Ctrl-C. In other terminals:")
        commands = shlex.quote(sysconfig.get_path("scripts"))
        for person in PEOPLE:
            exports = " ".join(
                f"{name}={shlex.quote(value)}"
                for name, value in stage.environment(person).items()
                if name in {"P0_CONFIG", "P0_DEMO_USER", "BROWSER"}
            )
            known = "" if person in (DANA, PAT) else "; first: p0 login"
            sys.stderr.write(
                f"   export {exports} PATH={commands}:$PATH   # be {person.sub}, of {person.groups[-1]}{known}\n"
            )
        sys.stderr.write("   p0 tui   # as any of them\n")
        await asyncio.get_running_loop().create_future()
