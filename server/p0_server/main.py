"""`p0 server`: the command line of the server. Only this module ends the process.

Exit status: 0 after a clean stop, 69 when something needed is not there (a port, the store), 78 for configuration.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from p0_access.errors import P0Error
from p0_server.config import Settings, load
from p0_server.errors import UnavailableError
from p0_server.log import to_stderr
from p0_server.serving import serve
from p0_server.version import VERSION

EXIT_UNAVAILABLE: Final = 69
EXIT_CONFIGURATION: Final = 78

_LOG: Final = logging.getLogger(__name__)

app = typer.Typer(
    help="The control plane.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def server() -> None:
    """The control plane: takes requests in, hands them to agents, shows people what happens."""


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="The configuration, a TOML file.")],
    rules: Annotated[Path | None, typer.Option(help="The rules, instead of the configuration's.")] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT, instead of the configuration's.")] = None,
    behind_proxy: Annotated[  # noqa: FBT002 - a flag on the command line
        bool, typer.Option("--behind-proxy", help="A proxy on a trusted network adds TLS.")
    ] = False,
) -> None:
    """Run the server until it is told to stop (SIGTERM, Ctrl-C). SIGHUP looks at the rules at once.

    Example: p0 server run --config server.toml --rules rules.yaml
    """
    to_stderr()
    try:
        settings = load(config)
        changes: dict[str, object] = {}
        if rules is not None:
            changes["rules"] = str(rules.absolute())
        if listen is not None:
            changes["listen"] = listen
        if behind_proxy:
            changes["behind_proxy"] = True
        asyncio.run(_run(msgspec.structs.replace(settings, **changes)))
    except P0Error as error:
        typer.echo(f"p0 server: {error}", err=True)
        if error.hint is not None:
            typer.echo(f"hint: {error.hint}", err=True)
        raise typer.Exit(EXIT_UNAVAILABLE if isinstance(error, UnavailableError) else EXIT_CONFIGURATION) from error


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with serve(settings) as running:
        loop.add_signal_handler(signal.SIGHUP, running.renew_rules)
        _LOG.info("listening", extra={"url": running.url, "port": running.port, "version": VERSION})
        await stop.wait()
        _LOG.info("stopping")
