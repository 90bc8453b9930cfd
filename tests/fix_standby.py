"""A streaming replica of a test's server, which can be cut off, and promoted once the server is gone."""

from __future__ import annotations

import asyncio
import copy
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg

from fix_postgres import superuser_connection
from p0_demo import keeper
from p0_demo.postgres import EmbeddedPostgres, embedded_binaries

CAUGHT_UP_SECONDS = 30.0


class Standby:
    """`server` is as the first one: the same roles and passwords, at another port."""

    def __init__(self, primary: EmbeddedPostgres, port: int) -> None:
        self.primary = primary
        self.server = copy.copy(primary)
        self.server.port = port

    async def cut_off(self) -> None:
        """It has all that there is until now, and gets nothing of what comes."""
        async with await superuser_connection(self.primary) as there, await superuser_connection(self.server) as here:
            cursor = await there.execute("SELECT pg_current_wal_flush_lsn()::text")
            ((now,),) = await cursor.fetchall()
            await _until(here, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", now)
            await here.execute("ALTER SYSTEM SET primary_conninfo = ''")
            await here.execute("SELECT pg_reload_conf()")
            await _until(here, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")

    async def take_over(self) -> None:
        """The first one dies, and this one is promoted."""
        pid = int((self.primary.directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGQUIT)
        async with await superuser_connection(self.server) as here:
            cursor = await here.execute("SELECT pg_promote()")
            assert await cursor.fetchone() == (True,)


async def _until(connection: psycopg.AsyncConnection, condition: str, *values: Any) -> None:
    async with asyncio.timeout(CAUGHT_UP_SECONDS):
        while (await (await connection.execute(condition.encode(), values)).fetchone()) != (True,):
            await connection.execute("SELECT pg_sleep(0.01)")


@asynccontextmanager
async def standing_by(primary: EmbeddedPostgres) -> AsyncIterator[Standby]:
    """Made by pg_basebackup; gone afterwards with all that it wrote."""
    named = os.environ.get("P0_TEST_PG_BIN")
    user = keeper.server_user()
    directory = keeper.make_directory(user)
    try:
        binaries = keeper.reachable_binaries(Path(named) if named else embedded_binaries(), user, directory)
        await asyncio.to_thread(_base_backup, primary, binaries, directory, user)
        process = keeper.Server(binaries, directory, user)
        try:
            port = await asyncio.to_thread(process.start, {"fsync": "off"})
            yield Standby(primary, port)
        finally:
            await asyncio.to_thread(process.stop)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _base_backup(primary: EmbeddedPostgres, binaries: Path, directory: Path, user: str | None) -> None:
    access = primary.superuser()
    identity: dict[str, Any] = (
        {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    )
    subprocess.run(
        [
            binaries / "pg_basebackup", "--pgdata", directory / "data", "--write-recovery-conf", "--wal-method=stream",
            "--checkpoint=fast", "--no-sync", "--no-password",
            "-h", access["host"], "-p", str(access["port"]), "-U", access["user"],
        ],
        check=True,
        capture_output=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PGPASSWORD": access["password"], "PGSSLMODE": "disable"},
        cwd=directory,
        **identity,
    )  # fmt: skip
    with (directory / "data" / "postgresql.auto.conf").open("a") as settings:
        # What pg_basebackup wrote has every option that its own libpq knows, and the server may load an older one.
        settings.write(
            "primary_conninfo = 'host={host} port={port} user={user} password={password} sslmode=disable'\n".format(
                **access
            )
        )
