"""`p0 server`: the command line of the server. Only this module ends the process.

Exit status: 0 after a clean stop, 1 where something was found, 69 when something needed is not there (a port, the
store), 78 for configuration.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from p0_access.errors import P0Error
from p0_server.config import Settings, load
from p0_server.errors import UnavailableError
from p0_server.log import to_stderr
from p0_server.store.records import Undelivered
from p0_server.store.sqlite import SqliteStore
from p0_server.version import VERSION

EXIT_FOUND: Final = 1
EXIT_UNAVAILABLE: Final = 69
EXIT_CONFIGURATION: Final = 78

MAX_NOTICES: Final = 200

_LOG: Final = logging.getLogger(__name__)

Config = Annotated[Path, typer.Option(metavar="FILE", help="The configuration, a TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    help="The control plane.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def server() -> None:
    """The control plane: takes requests in, hands them to agents, shows people what happens."""


@app.command()
def run(
    config: Config,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The rules, instead of the configuration's.")
    ] = None,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Instead of the configuration's.")] = None,
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
        raise _failed(error) from error


@app.command()
def doctor(config: Config, *, json: Json = False) -> None:
    """Check the set-up, and how the server that runs on it is. Nothing is changed.

    Exit status: 0 nothing found, 1 gaps, 78 the server cannot work like this.

    Example: p0 server doctor --config server.toml
    """
    from p0_access.findings import text
    from p0_server.doctor import examine

    try:
        findings = asyncio.run(examine(load(config), time.time))
    except P0Error as error:
        raise _failed(error) from error
    typer.echo(msgspec.json.encode(findings).decode() if json else text(findings), nl=json)
    levels = {finding.level for finding in findings}
    raise typer.Exit(EXIT_CONFIGURATION if "error" in levels else EXIT_FOUND if "gap" in levels else 0)


@app.command()
def notices(
    config: Config,
    *,
    retry: Annotated[bool, typer.Option("--retry", help="Try to deliver the dead ones again.")] = False,
    json: Json = False,
) -> None:
    """List notices that could not be delivered.

    These are those given up, and those that will be tried again.

    Example: p0 server notices --config server.toml --retry
    """
    try:
        found, revived = asyncio.run(_notices(load(config), retry=retry))
    except P0Error as error:
        raise _failed(error) from error
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for each in found:
        what = "given up" if each.state == "dead" else "will be tried again"
        typer.echo(f"{each.rid} {each.type} to {each.target}: {what} after {each.attempts} attempts: {each.problem}")
    if retry:
        typer.echo(f"{revived} will be tried again")


@app.command()
def backup(config: Config, to: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to make.")]) -> None:
    """Copy the store, whole and of this moment, while the server runs.

    The copy holds sign-ins of requests that are open: keep it as safe as the store.

    Example: p0 server backup --config server.toml /backups/p0.db
    """
    from p0_server.store.backup import back_up

    try:
        settings = load(config)
        size = back_up(settings.path(settings.store), to)
    except P0Error as error:
        raise _failed(error) from error
    typer.echo(f"{to}: {size // 1024} KiB")


async def _notices(settings: Settings, *, retry: bool) -> tuple[tuple[Undelivered, ...], int]:
    path = settings.path(settings.store)
    if not path.exists():
        raise UnavailableError(f"{path} is not there", code="store_unavailable", hint="The server makes it.")
    store = await SqliteStore.open(path)
    try:
        found = await store.undelivered(MAX_NOTICES)
        return found, await store.revive_notices(int(time.time())) if retry else 0
    finally:
        await store.close()


def _failed(error: P0Error) -> typer.Exit:
    typer.echo(f"p0 server: {error}", err=True)
    if error.hint is not None:
        typer.echo(f"hint: {error.hint}", err=True)
    return typer.Exit(EXIT_UNAVAILABLE if isinstance(error, UnavailableError) else EXIT_CONFIGURATION)


async def _run(settings: Settings) -> None:
    from p0_server.serving import serve  # uvicorn and the whole API, which no other command needs

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with serve(settings) as running:
        loop.add_signal_handler(signal.SIGHUP, running.renew_rules)
        _LOG.info("listening", extra={"url": running.url, "port": running.port, "version": VERSION})
        await stop.wait()
        _LOG.info("stopping")
