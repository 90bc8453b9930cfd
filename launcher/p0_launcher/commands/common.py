"""What all commands share: options, streams, time, and the order of repeated options.

Data goes to stdout, everything else to stderr. Nothing heavier than typer is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer
from typer.core import TyperCommand

from p0_launcher.errors import UsageError

if TYPE_CHECKING:
    from p0_launcher.profile import Profile

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

ORDER: Final = "p0.order"


class OrderedCommand(TyperCommand):
    """A command whose options are texts, flags and lists of texts, taken as they are.

    Their order stands in `ctx.meta[ORDER]`, by parameter name, once for each time one was given: psql runs -c and -f in
    the order they come. Nothing is converted, which would import pydantic on the way to psql.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given, rest, order = self.make_parser(ctx).parse_args(args=list(args))
        if given.get("help") or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        for parameter in self.get_params(ctx):
            if parameter.expose_value and parameter.name is not None:
                value = given.get(parameter.name)
                ctx.params[parameter.name] = parameter.default if value is None else value
        ctx.meta[ORDER] = [parameter.name for parameter in order]
        ctx.args = rest
        return rest


def in_order(ctx: typer.Context, **options: list[str] | None) -> Iterator[tuple[str, str]]:
    """Pairs of option name and value, in the order of the command line."""
    values = {name: iter(given or ()) for name, given in options.items()}
    for name in ctx.meta[ORDER]:
        if name in values:
            yield name, next(values[name])


def profile() -> Profile:
    """The profile that the environment and the configuration choose."""
    from p0_launcher.profile import load

    return load()


def run(main: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(main)


def out(text: str) -> None:
    """Data."""
    sys.stdout.write(text + "\n")


def out_json(value: object) -> None:
    """Data, as one line of JSON."""
    from p0_access.encoding import encode

    sys.stdout.write(encode(value).decode() + "\n")


def note(text: str) -> None:
    """Everything that is not data."""
    from p0_launcher.text import shown

    sys.stderr.write(shown(text) + "\n")
    sys.stderr.flush()


def seconds(text: str | None, option: str) -> int | None:
    """A duration option."""
    from p0_access.routing.durations import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", code="duration_malformed", hint=f"{option} 30m") from error


def show_sign_in(url: str, port: int) -> None:
    """Brings the person's browser to `url`, for a sign-in that somebody waits for."""
    import threading
    import webbrowser

    note("p0: this needs a sign-in of its own; opening the browser. If nothing happens, open this URL")
    note(f"p0: in a browser that reaches 127.0.0.1:{port} of this machine:")
    note(f"  {url}")
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """One line from the terminal; the question goes to stderr."""
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()
