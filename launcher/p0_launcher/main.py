"""`p0`: the command line's entry. It names the commands, and is the only place that exits.

Importing it loads nothing heavier than typer; each command imports what it needs when it runs.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import Annotated, Final, NoReturn

import typer
from typer.exceptions import TyperException

from p0_access.errors import P0Error
from p0_launcher.commands import parts, run
from p0_launcher.commands.common import OrderedCommand
from p0_launcher.errors import Exit, LauncherError, UsageError, report

_OFTEN: Final[dict[str, Callable[..., None]]] = {"psql": run.psql, "exec": run.exec_, "tui": parts.tui}


def build(command: str | None = None) -> typer.Typer:
    """The command line: the whole, or of `command` alone where that is one that people start all day. typer reads the
    options of every command that there is, those to ask for help and to install completion through pydantic."""
    alone = command in _OFTEN
    app = typer.Typer(
        name="p0",
        help="Just-in-time access to PostgreSQL: show the SQL, get the least that it needs, for a while.",
        add_completion=not alone,
        add_help_option=not alone,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_common)
    for name, often in _OFTEN.items():
        if not alone or name == command:
            app.command(name, cls=OrderedCommand)(often)
    if not alone:
        _add_others(app)
    return app


def _add_others(app: typer.Typer) -> None:
    from p0_launcher.commands import (
        audit,
        decide,
        directory,
        explain,
        following,
        look,
        mandates,
        request,
        requests,
        rules,
        sign_in,
        sign_out,
    )

    app.command(cls=OrderedCommand)(request.request)
    app.command(cls=OrderedCommand)(explain.explain)
    for command in (
        look.ls, requests.requests, requests.show, decide.approve, decide.deny, mandates.allow, mandates.delegate,
        following.extend, following.review, requests.relinquish, requests.revoke, sign_in.login, sign_out.logout,
        sign_in.whoami,
    ):  # fmt: skip
        app.command()(command)
    app.add_typer(rules.app, name="rules")
    app.add_typer(directory.app, name="directory")
    app.add_typer(audit.app)
    for part in (parts.server, parts.agent, parts.demo):
        app.command(context_settings=dict(parts.PASS_ON))(part)


def main() -> NoReturn:
    """Runs the command line and exits with its status."""
    sys.exit(_main(sys.argv[1:]))


def _main(arguments: list[str]) -> int:
    command = next(iter(arguments), None)
    if command in _OFTEN:
        # This process soon becomes another, or turns it on again: looking for garbage is a tenth of its start.
        gc.disable()
    app = build(command)
    try:
        ended = app(arguments or ["--help"], prog_name="p0", standalone_mode=False)
        sys.stdout.flush()
    except P0Error as error:
        return report(error)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = " ".join(("p0", *arguments[:1])) if context is None else context.command_path
        return report(UsageError(error.format_message(), code="usage", hint=f"{command} --help"))
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("p0: interrupted\n")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more can be said on it, at exit either
        return Exit.BROKEN_PIPE
    except Exception as error:
        if os.environ.get("P0_DEBUG"):
            raise
        unexpected = f"internal error: {type(error).__name__}: {error}"
        return report(LauncherError(unexpected, code="internal", hint="P0_DEBUG=1 shows where; please report it"))
    return ended if isinstance(ended, int) else Exit.OK


def _tell_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as version_of

        sys.stdout.write(f"p0 {version_of('p0')}\n")
        raise typer.Exit


def _common(
    *,
    version: Annotated[  # eager, or the lack of a command would be told first
        bool, typer.Option("--version", help="Show the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    pass
