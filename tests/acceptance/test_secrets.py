"""Secrets never leak: the whole path with everything recorded, and a search for what must not be in it.

Searched: what server and agent log, their files, every file of the stage and of PostgreSQL (whose log has every
statement), arguments and environments of all processes while psql runs, what p0 prints, and the traffic between
launcher and server.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import logging
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from fix_stage import SECONDS, Ran, p0, signed_in
from p0_demo.identity_provider import User
from p0_demo.stage import DANA, DATABASE, PAT, PEOPLE, Stage, free_port

VERBOSE = {"log_statement": "all", "log_min_messages": "debug1", "log_min_duration_statement": "0"}
EMAILS = "select email from enterprise.customers limit 1"


@dataclass(kw_only=True)
class Canaries:
    """Secrets by what they are, in every form in which they might be written."""

    forms: dict[str, set[bytes]] = field(default_factory=dict)

    def text(self, name: str, value: str) -> None:
        raw = value.encode()
        self.forms.setdefault(name, set()).update(
            {raw, base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")}
        )
        self.forms[name].add(raw.hex().encode())

    def key(self, name: str, b64u: str) -> None:
        """A key that is kept as base64url."""
        raw = base64.urlsafe_b64decode(b64u + "=" * (-len(b64u) % 4))
        self.forms.setdefault(name, set()).update(
            {raw, b64u.encode(), base64.b64encode(raw), raw.hex().encode(), raw.hex().upper().encode()}
        )

    def found(self, where: str, content: bytes) -> Iterator[str]:
        for name, forms in self.forms.items():
            if any(form in content for form in forms):
                yield f"{name} in {where}"


class TappedStage(Stage):
    """Its server listens at `behind`, and is known to agent and launchers as `shown` alone."""

    def __init__(self, *, behind: int, shown: int) -> None:
        super().__init__()
        self._ports = behind, shown

    def _write(self, name: str, document: dict[str, Any]) -> Path:
        if name == "server.toml":
            behind, shown = self._ports
            document |= {"listen": f"127.0.0.1:{behind}", "url": f"http://127.0.0.1:{shown}"}
        return super()._write(name, document)


@dataclass(kw_only=True)
class Wiretap:
    """Before the server: passes everything on, and keeps it."""

    upstream: int
    heard: bytearray = field(default_factory=bytearray)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        await asyncio.gather(self._pass(reader, to_writer), self._pass(to_reader, writer), return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()


def processes() -> bytes:
    """Arguments and environments of every process that may be looked at."""
    seen = bytearray()
    for process in Path("/proc").iterdir():
        for name in ("cmdline", "environ") if process.name.isdecimal() else ():
            with contextlib.suppress(OSError):
                seen += (process / name).read_bytes() + b"\n"
    return bytes(seen)


def files(directory: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(directory.rglob("*")):
        with contextlib.suppress(OSError):  # sockets, and what PostgreSQL removes meanwhile
            if path.is_file():
                yield path, path.read_bytes()


def wallet(stage: Stage, person: User) -> dict[str, Any]:
    """What somebody's machine keeps: in the one file that --insecure-storage chose, where secrets may be."""
    (path,) = stage.profile(person).parent.rglob("*.secret")
    contents: dict[str, Any] = json.loads(path.read_bytes())
    return contents


def allowed(stage: Stage) -> set[Path]:
    """Files that are there to hold a secret."""
    own = {path for person in PEOPLE for path in stage.profile(person).parent.rglob("*.secret")}
    return own | {stage.directory / name for name in ("agent.key", "agent.password", "reader.password")}


async def made_verbose(stage: Stage) -> None:
    async with await psycopg.AsyncConnection.connect(**stage.postgres.superuser(), autocommit=True) as connection:
        for name, value in VERBOSE.items():
            await connection.execute(
                sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            )
        await connection.execute("SELECT pg_reload_conf()")


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that anything in this process logs, with exceptions: server and agent run in it."""
    kept, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(kept), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextlib.asynccontextmanager
async def psql_that_waits(stage: Stage) -> AsyncIterator[None]:
    """An interactive psql of dana's, handed over by p0, that is connected and waits for what to do."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "p0_launcher", "psql", "-d", DATABASE,
        "--grant", "SELECT on enterprise.markets(id)", "--reason", "Looking around",
        stdin=PIPE, stdout=PIPE, stderr=PIPE, env=stage.environment(DANA) | {"PSQLRC": os.devnull},
    )  # fmt: skip
    try:
        async with (
            asyncio.timeout(SECONDS),
            await psycopg.AsyncConnection.connect(**stage.postgres.superuser(), autocommit=True) as connection,
        ):
            while True:
                cursor = await connection.execute("SELECT FROM pg_stat_activity WHERE application_name LIKE 'p0/%'")
                if cursor.rowcount:
                    break
                assert process.returncode is None, await process.communicate()
        yield
        out, err = await process.communicate(b"select count(id) from enterprise.markets;\n")
        assert process.returncode == 0, (out, err)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_no_secret_is_anywhere_but_where_it_belongs() -> None:
    said, leaks, canaries = bytearray(), list[str](), Canaries()
    tap = Wiretap(upstream=free_port())
    with logged() as log:
        async with tap.listening() as port, TappedStage(behind=tap.upstream, shown=port) as stage:
            await made_verbose(stage)
            await signed_in(stage)

            async def run(person: User, *arguments: str) -> Ran:
                ran = await p0(stage, person, *arguments, P0_DEBUG="1")
                said.extend((ran.out + ran.err).encode())
                return ran

            pending = await run(DANA, "psql", "-d", DATABASE, "-c", EMAILS, "--reason", "Support", "--no-wait")
            assert pending.status == 75, pending
            ((rid, awaited),) = wallet(stage, DANA)["awaited"].items()
            canaries.key("the opening key", awaited["opening"])
            for person in (DANA, PAT):
                session = wallet(stage, person)["session"]
                canaries.key(f"{person.sub}'s session key", session["seed"])
                canaries.text(f"{person.sub}'s refresh token", session["refresh_token"])
            canaries.key("the agent's key", (stage.directory / "agent.key").read_text().strip())
            for name in ("agent.password", "reader.password"):
                canaries.text(f"the {name}", (stage.directory / name).read_text().strip())
            assert (await run(PAT, "approve", rid, "--yes")).status == 0
            assert (await run(DANA, "psql", "--resume", rid)).status == 0
            async with psql_that_waits(stage):
                held = wallet(stage, DANA)["held"]
                assert len(held) == 2
                for each in held.values():
                    canaries.text("a login's password", each["credential"]["password"])
                leaks += canaries.found("processes", processes())
                leaks += files_with_secrets(stage, canaries)
            for each in held:
                assert (await run(DANA, "relinquish", each)).status == 0
            assert (await run(DANA, "psql", "-d", "nowhere", "-c", "select 1", "--reason", "x")).status != 0
            assert (await run(DANA, "show", rid, "--json")).status == 0
            leaks += files_with_secrets(stage, canaries)
            server_log = (stage.postgres.directory / "server.log").read_bytes()
            assert b"CREATE ROLE" in server_log, "PostgreSQL does not log statements: nothing was searched"
            kept = {name for path, content in files(stage.directory) if path in allowed(stage)
                    for name in canaries.found(path.suffix, content)}  # fmt: skip
            assert len(kept) >= 5, "the search finds them not even where they are"
            leaks += canaries.found("what p0 prints", bytes(said))
            leaks += canaries.found("the traffic of the server", bytes(tap.heard))
    assert b"p0-request+jws" in base64_parts(bytes(tap.heard)), "nothing was heard"
    assert "claim" in log.getvalue()
    leaks += canaries.found("the logs of server and agent", log.getvalue().encode())
    assert leaks == []


def files_with_secrets(stage: Stage, canaries: Canaries) -> Iterator[str]:
    for directory in (stage.directory, stage.postgres.directory):
        for path, content in files(directory):
            if path not in allowed(stage):
                yield from canaries.found(str(path), content)


def base64_parts(traffic: bytes) -> bytes:
    """The headers of signed records in it, decoded."""
    return b"".join(base64.urlsafe_b64decode(part + b"===") for part in set(re.findall(rb"eyJ[A-Za-z0-9_-]+", traffic)))


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.text("password", "correct horse?")
    canaries.key("key", base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode())
    for content in (b"x correct horse? y", b"Y29ycmVjdCBob3JzZT8=", b"636f727265637420686f7273653f"):
        assert list(canaries.found("here", content)) == ["password in here"]
    for content in (bytes(range(32)), bytes(range(32)).hex().encode(), base64.b64encode(bytes(range(32)))):
        assert list(canaries.found("there", b"..." + content)) == ["key in there"]
    assert list(canaries.found("nowhere", b"nothing")) == []
