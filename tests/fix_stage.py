"""The whole of p0 on one machine, and `p0` as somebody types it: what acceptance tests stand on.

Tests that use `stage` run in the session's event loop, where its server and agent live:
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from p0_demo.identity_provider import User
from p0_demo.stage import PEOPLE, Stage

SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


async def start(
    *arguments: str,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    group: bool = False,
    stdin: int = asyncio.subprocess.DEVNULL,
) -> Process:
    """`p0` with these arguments. With `group` it leads a process group, as a shell would start it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "p0_launcher",
        *arguments,
        stdin=stdin,
        stdout=PIPE,
        stderr=PIPE,
        env={"PSQLRC": os.devnull} | dict(environment),
        cwd=cwd,
        start_new_session=group,
    )


async def finish(process: Process, typed: bytes | None = None) -> Ran:
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate(typed)
    return Ran(status=process.returncode or 0, out=out.decode(), err=err.decode())


async def p0(stage: Stage, person: User, *arguments: str, **variables: str) -> Ran:
    """What `person` gets to see."""
    return await finish(await start(*arguments, environment=stage.environment(person) | variables))


async def signed_in(stage: Stage) -> None:
    for person in PEOPLE:
        ran = await p0(stage, person, "login", "--insecure-storage")
        assert ran.status == 0, ran


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    """Everything up, everybody signed in. Shared: tests ask for things of their own and leave the rest alone."""
    async with Stage() as up:
        await signed_in(up)
        yield up


@asynccontextmanager
async def part(stage: Stage, name: str) -> AsyncIterator[Process]:
    """`p0 server run` or `p0 agent run` as a program of its own, on a stage without attendance. Killed at the end if
    the test has not done so."""
    with (stage.directory / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "p0_launcher",
            name,
            "run",
            "--config",
            stage.directory / f"{name}.toml",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SECONDS):
                await process.wait()
