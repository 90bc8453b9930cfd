"""`p0 agent …`: the worker beside the database, and the SQL that sets it up."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from p0_access.errors import P0Error
from p0_agent.config import Settings, load
from p0_agent.errors import TransientError

EX_GAPS: Final = 1
EX_UNAVAILABLE: Final = 69
EX_TEMPFAIL: Final = 75
EX_NOPERM: Final = 77
EX_CONFIG: Final = 78

app = typer.Typer(
    name="p0 agent",
    help="The worker beside the database, and its set-up.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="FILE", envvar="P0_AGENT_CONFIG", help="The agent's configuration (TOML).")
]


@app.command()
def run(config: ConfigOption) -> None:
    """Claim jobs, verify, grant and end, until stopped.

    SIGHUP looks at the rules at once.

    Example: p0 agent run --config /etc/p0/agent.toml
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(load(config)))
    except P0Error as error:
        _fail(error)


@app.command("bootstrap-sql")
def bootstrap(
    config: ConfigOption,
    server_version: Annotated[
        int, typer.Option(metavar="VERSION", help="The cluster's major version, 14 to 18.", min=14, max=18)
    ],
    hardened: Annotated[  # noqa: FBT002  typer's
        bool, typer.Option("--hardened", help='For mode = "hardened", which the configuration may say, too.')
    ] = False,
    undo: Annotated[  # noqa: FBT002  typer's
        bool, typer.Option("--undo", help="Print what takes it all out again, ledger and evidence included.")
    ] = False,
) -> None:
    """Print the SQL that a DBA runs for this agent.

    They run it as a superuser, or as who may create roles and owns what is managed.

    It may be run again. It creates the passwords' files if they do not exist; only their verifiers are in the SQL.

    Example: p0 agent bootstrap-sql --config agent.toml --server-version 18 | psql -d postgres
    """
    from p0_agent.postgres.bootstrap import psql_text
    from p0_agent.setup import bootstrap_scripts, undo_scripts

    try:
        settings = load(config)
        if undo:
            scripts = undo_scripts(settings)
        else:
            scripts = bootstrap_scripts(
                settings,
                server_version=server_version,
                hardened=hardened or settings.cluster.mode == "hardened",
                random=secrets.token_bytes,
            )
        sys.stdout.write(psql_text(scripts))
    except P0Error as error:
        _fail(error)


@app.command()
def audit(config: ConfigOption) -> None:
    """Print the agent's evidence as JSON lines.

    `p0 audit` examines them elsewhere.

    Example: p0 agent audit --config agent.toml > evidence.jsonl
    """
    from p0_agent.setup import evidence_lines

    async def write() -> None:
        async for line in evidence_lines(load(config), random=secrets.token_bytes):
            sys.stdout.buffer.write(line + b"\n")

    try:
        asyncio.run(write())
    except P0Error as error:
        _fail(error)


@app.command()
def key(config: ConfigOption) -> None:
    """Print the agent's public key.

    The server's configuration and the launchers' profiles name it like this.

    Example: p0 agent key --config agent.toml
    """
    from p0_agent.config import agent_key

    try:
        settings = load(config)
        public = agent_key(settings.path(settings.key), secrets.token_bytes).public
    except P0Error as error:
        _fail(error)
    sys.stdout.write(f'thumbprint = "{public.thumbprint}"\nx = "{public.x}"\n')


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="What p0 revoke, relinquish or deny --to-file has written.")],
    config: ConfigOption,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds to wait for the running agent's answer.")
    ] = 30.0,
) -> None:
    """Hand the agent a signed act past the server.

    The server may be holding it back. The running agent takes it.

    Exit status: 0 taken, 77 refused, 75 no answer yet, 78 the agent's database is out of reach.

    Example: p0 agent submit revoke.json --config /etc/p0/agent.toml
    """
    from p0_agent.submitting import submitted

    try:
        result = asyncio.run(submitted(load(config), file, patience=timeout))
    except P0Error as error:
        _fail(error)
    if result is None:
        sys.stderr.write("p0 agent: handed over; the agent has not answered yet, and takes it when it runs\n")
        raise SystemExit(EX_TEMPFAIL)
    sys.stderr.write(f"p0 agent: {result.message or result.outcome}\n")
    raise SystemExit(EX_NOPERM if result.outcome == "refused" else 0)


@app.command()
def doctor(
    config: ConfigOption,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,  # noqa: FBT002  typer's
) -> None:
    """Check the set-up, and what the installation leaves open.

    Nothing is changed.

    Exit status: 0 nothing found, 1 gaps, 78 the agent cannot work like this.

    Example: p0 agent doctor --config agent.toml
    """
    from p0_access.encoding import encode
    from p0_access.findings import text
    from p0_agent.doctor import examine

    try:
        findings = asyncio.run(examine(load(config), clock=time.time, random=secrets.token_bytes))
    except P0Error as error:
        _fail(error)
    sys.stdout.write(encode(findings).decode() + "\n" if json else text(findings))
    levels = {finding.level for finding in findings}
    raise SystemExit(EX_CONFIG if "error" in levels else EX_GAPS if "gap" in levels else 0)


async def _run(settings: Settings) -> None:
    from p0_agent.setup import working

    async with working(
        settings, clock=time.time, random=secrets.token_bytes, software=f"p0-agent {version('p0')}"
    ) as worker:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("this runs in a task")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        loop.add_signal_handler(signal.SIGHUP, worker.renew_rules)
        try:
            await worker.run()
        except asyncio.CancelledError:
            logging.getLogger("p0.agent").info("stopping; live accesses end by their own time")


def _fail(error: P0Error) -> NoReturn:
    """One error on standard error, and the exit status that says what kind it is (sysexits.h)."""
    sys.stderr.write(f"p0 agent: {error}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
    raise SystemExit(EX_UNAVAILABLE if isinstance(error, TransientError) else EX_CONFIG)
