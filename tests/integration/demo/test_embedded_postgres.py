"""The embedded PostgreSQL: it starts anywhere, and nothing is left of it however its user ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from p0_demo import keeper
from p0_demo.postgres import EmbeddedPostgres, EmbeddedPostgresError, embedded_binaries

HOLD = """
import asyncio, psycopg, signal, sys
from p0_demo import keeper
from p0_demo.postgres import EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have it ignored
async def main():
    async with EmbeddedPostgres() as server:
        print(server.port, server.directory, flush=True)
        await asyncio.sleep(600)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


def hold() -> tuple[subprocess.Popen[str], int, Path]:
    """A process of its own that has a server running; its port and directory."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    port, _, place = process.stdout.readline().strip().partition(" ")
    return process, int(port), Path(place)


def processes_in(directory: Path) -> list[str]:
    """Command lines of running processes that name `directory`."""
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(directory) in line]


def wait_until_gone(directory: Path) -> None:
    deadline = time.monotonic() + 15
    while directory.exists() or processes_in(directory):
        assert time.monotonic() < deadline, f"still there: {directory}, {processes_in(directory)}"
        time.sleep(0.02)


def entries(directory: Path) -> list[Path]:
    return list(directory.iterdir())


@pytest.fixture
def open_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """TMPDIR for the test: with a space in its name, and open to the server's own user when the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="p0 test ", dir="/tmp"))
    directory.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(directory))
    yield directory
    shutil.rmtree(directory)


async def test_runs_in_a_path_with_a_space_and_leaves_nothing(open_directory: Path) -> None:
    async with EmbeddedPostgres(settings={"work_mem": "5MB"}) as server:
        assert server.directory.parent == open_directory
        async with await psycopg.AsyncConnection.connect(**server.superuser()) as connection:
            cursor = await connection.execute("SHOW work_mem")
            assert await cursor.fetchone() == ("5MB",)
    assert entries(open_directory) == []
    assert processes_in(server.directory) == []


async def test_several_run_side_by_side() -> None:
    async with EmbeddedPostgres() as first, EmbeddedPostgres() as second:
        assert first.port != second.port
        assert first.directory != second.directory


async def test_a_wrong_password_is_refused() -> None:
    async with EmbeddedPostgres() as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await psycopg.AsyncConnection.connect(host=server.host, port=server.port, user="postgres", password="guess")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_nothing_is_left_when_its_process_ends(number: signal.Signals, open_directory: Path) -> None:
    process, port, directory = hold()
    assert port
    assert directory.parent == open_directory
    process.send_signal(number)
    process.wait(20)
    wait_until_gone(directory)
    assert entries(open_directory) == []
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.15, 0.3])
async def test_nothing_is_left_when_cancelled_while_starting(seconds: float, open_directory: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds), EmbeddedPostgres():
            await asyncio.sleep(600)
    assert entries(open_directory) == []
    assert processes_in(open_directory) == []


async def test_a_place_without_postgres_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="there is no postgres in"):
        async with EmbeddedPostgres(binaries=tmp_path):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
async def test_binaries_that_the_server_user_cannot_read_are_copied(tmp_path: Path) -> None:
    """pytest's temporary directories are root's own."""
    package = embedded_binaries().parents[1]
    shutil.copytree(package, tmp_path / package.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, tmp_path / libraries.name)
    async with EmbeddedPostgres(binaries=tmp_path / package.name / "pginstall" / "bin") as server:
        assert (server.directory / "software").is_dir()
    assert not server.directory.exists()


def test_a_port_that_somebody_takes_first_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between choosing a port and binding it there is a moment; another port is tried then."""
    directory = keeper.make_directory(keeper.server_user())
    try:
        server = keeper.Server(embedded_binaries(), directory, keeper.server_user())
        server.initialise("postgres", "secret")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ports = iter([taken.getsockname()[1], keeper.free_port()])
            monkeypatch.setattr(keeper, "free_port", lambda: next(ports))
            port = server.start({})
            assert port != taken.getsockname()[1]
        server.stop()
        assert list(ports) == []
    finally:
        shutil.rmtree(directory)
