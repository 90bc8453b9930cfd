"""A whole `p0 psql`, from the shell to the rows, against psql itself and against the script that people write
instead."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from typing import Final

from bench.harness import Table
from p0_demo.identity_provider import User
from p0_demo.stage import DANA, DATABASE, Stage

TITLE: Final = "one-shot: a query from the shell, on one machine"

ROUNDS: Final = 9
SQL: Final = "select code from enterprise.markets order by code limit 1"
SCRIPT: Final = (
    "create role bench login; grant usage on schema enterprise to bench; grant select on enterprise.markets to bench"
)
UNDO: Final = "drop owned by bench; drop role bench"


async def run(table: Table) -> None:
    async with Stage() as stage:
        await _p0(stage, DANA, "login", "--insecure-storage")
        numbers = itertools.count()
        superuser = stage.postgres.superuser(DATABASE)
        environment = os.environ | {
            "PGHOST": superuser["host"],
            "PGPORT": str(superuser["port"]),
            "PGUSER": superuser["user"],
            "PGPASSWORD": superuser["password"],
            "PGDATABASE": DATABASE,
        }

        async def psql(sql: str) -> None:
            await _run(str(stage.postgres.psql), "-X", "-c", sql, environment=environment)

        async def script() -> None:
            await psql(SCRIPT)
            await psql(SQL)
            await psql(UNDO)

        async def reused() -> None:
            await _p0(stage, DANA, "psql", "-d", DATABASE, "-c", SQL, "--reason", "bench")

        async def asked() -> None:
            await _p0(stage, DANA, "psql", "-d", DATABASE, "-c", f"{SQL} -- {next(numbers)}", "--reason", "bench")

        await table.time_async("psql, with a login that is there", lambda: psql(SQL), rounds=ROUNDS)
        await table.time_async("script: create role and grant, query, drop", script, rounds=ROUNDS, baseline=True)
        await table.time_async("p0 psql, an access that is still active", reused, rounds=ROUNDS)
        await table.time_async("p0 psql, a new request, automatic", asked, rounds=ROUNDS)


async def _p0(stage: Stage, person: User, *arguments: str) -> None:
    environment = stage.environment(person) | {"PSQLRC": os.devnull}
    await _run(sys.executable, "-P", "-m", "p0_launcher", *arguments, environment=environment)


async def _run(*command: str, environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said.decode()}")
