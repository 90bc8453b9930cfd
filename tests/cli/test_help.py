"""`--help` at the width of an old terminal: what each command does is said in one whole line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup

from p0_agent.main import app as agent
from p0_launcher.main import build
from p0_server.main import app as server


def groups(name: str, app: typer.Typer) -> Iterator[tuple[str, TyperGroup]]:
    group = typer.main.get_group(app)
    yield name, group
    for below in group.commands.values():
        if isinstance(below, TyperGroup):
            yield f"{name} {below.name}", below


GROUPS = dict([*groups("p0", build()), *groups("p0 server", server), *groups("p0 agent", agent)])


def test_there_are_several() -> None:
    assert {"p0", "p0 rules", "p0 audit", "p0 server", "p0 agent"} <= set(GROUPS)


@pytest.mark.parametrize("name", GROUPS)
def test_no_line_of_the_list_of_commands_is_cut(name: str) -> None:
    group = GROUPS[name]
    context = group.make_context(name, ["--help"], resilient_parsing=True, terminal_width=80)
    listed = group.get_help(context).partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(group.commands)
    assert [line for line in listed if line.endswith("...") or len(line) > 80] == []


def commands(name: str, group: TyperGroup) -> Iterator[tuple[str, str]]:
    for below in group.commands.values():
        called = f"{name} {below.name}"
        if isinstance(below, TyperGroup):
            yield from commands(called, below)
        else:
            context = below.make_context(called, ["--help"], resilient_parsing=True, terminal_width=80)
            yield called, below.get_help(context).partition("Options:\n")[2]


@pytest.mark.parametrize("name", ["p0", "p0 server", "p0 agent"])
def test_no_option_takes_a_type_of_python(name: str) -> None:
    told = dict(commands(name, GROUPS[name]))
    assert len(told) > 3
    assert [called for called, options in told.items() if "<" in options.replace("<=", "")] == []
