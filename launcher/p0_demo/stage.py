"""Everything on one machine: PostgreSQL with data, an identity provider, server, agent, and a profile for each person.

    async with Stage() as stage:
        environment = stage.environment(DANA)

All of it is in one private temporary directory and on free loopback ports, and all of it is gone afterwards. Server,
agent and provider run in this process, so that nothing outlives it; PostgreSQL is a child that ends with it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from importlib import resources
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import tomlkit
from psycopg import sql

from p0_access.proof.keys import PublicKey
from p0_agent import config as agent_config
from p0_agent import setup as agent_setup
from p0_demo.browser import USER_VARIABLE, browser_command
from p0_demo.identity_provider import CLIENT_ID, Behaviour, DevelopmentProvider, User
from p0_demo.postgres import EmbeddedPostgres
from p0_server import config as server_config
from p0_server.serving import serve

DATABASE: Final = "mydatabase"
SCHEMAS: Final = ("enterprise", "ledger")
DOMAIN: Final = "demo.example"
NOTICES: Final = "notices.jsonl"
"""Where in the stage's directory the agent tells of emergencies."""

TOKEN_SECONDS: Final = 3600

DANA: Final = User(sub="dana", email=f"dana@{DOMAIN}", groups=("analysts", "engineers"))
PAT: Final = User(sub="pat", email=f"pat@{DOMAIN}", groups=("privacy",))
SAM: Final = User(sub="sam", email=f"sam@{DOMAIN}", groups=("dba",))
PEOPLE: Final = (DANA, PAT, SAM)


class Stage:
    """An async context manager, to be entered once. `directory` is its private place while entered.

    With `attended` false, server and agent are only configured (`server.toml`, `agent.toml` in the directory): whoever
    wants to see them die and come back runs them as programs of their own.
    """

    def __init__(self, *, attended: bool = True) -> None:
        self._stack = AsyncExitStack()
        self._inherited = dict(os.environ)
        self._attended = attended
        self.postgres: Final = EmbeddedPostgres()
        self.provider: Final = DevelopmentProvider(users=PEOPLE, behaviour=Behaviour(token_seconds=TOKEN_SECONDS))
        self.directory = Path()
        self.server = ""

    def profile(self, person: User) -> Path:
        """The launcher configuration of `person`."""
        return self.directory / person.sub / "config.toml"

    def environment(self, person: User) -> dict[str, str]:
        """The environment in which `p0` is this person: a configuration of their own, and a browser that signs in."""
        mine = {"P0_CONFIG": str(self.profile(person)), "BROWSER": browser_command(), USER_VARIABLE: person.sub}
        return self._inherited | mine

    async def leases(self) -> list[str]:
        """The logins and set roles that exist in the cluster just now."""
        async with await psycopg.AsyncConnection.connect(**self.postgres.superuser(DATABASE)) as connection:
            cursor = await connection.execute(
                "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname LIKE 'p0\\_%'"
                " AND rolname !~ '^p0_(agent|reader|broker(_[0-9a-f]{2})?)$' ORDER BY 1"
            )
            return [str(name) for (name,) in await cursor.fetchall()]

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _build(self) -> None:
        enter = self._stack.enter_async_context
        self.directory = Path(tempfile.mkdtemp(prefix="p0-demo-"))  # 0700
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        provider = await enter(self.provider)
        await enter(self.postgres)
        rules = self.directory / "rules.yaml"
        rules.write_bytes(resources.files("p0_demo").joinpath("data", "rules.yaml").read_bytes())
        issuer = {"issuer": provider.issuer, "client_ids": [CLIENT_ID], "email_domains": [DOMAIN]}
        key = agent_config.agent_key(self.directory / "agent.key", secrets.token_bytes).public
        listen = f"127.0.0.1:{0 if self._attended else free_port()}"
        served = server_config.load(self._write("server.toml", _server_settings(listen, issuer, key)))
        self.server = (await enter(serve(served))).url if self._attended else f"http://{listen}"
        worked = agent_config.load(self._write("agent.toml", self._agent_settings(issuer)))
        await self._load_data(worked)
        if self._attended:
            worker = await enter(
                agent_setup.working(worked, clock=time.time, random=secrets.token_bytes, software="p0-demo")
            )
            self._stack.push_async_callback(_cancelled, asyncio.create_task(worker.run()))
        for person in PEOPLE:
            self._write_profile(person, provider.issuer, key.thumbprint)

    def _agent_settings(self, issuer: dict[str, Any]) -> dict[str, Any]:
        place = {"host": self.postgres.host, "port": self.postgres.port, "sslmode": "disable"}
        passwords = {"password_file": "agent.password", "reader_password_file": "reader.password"}
        return {
            "server": self.server,
            "rules": "rules.yaml",
            "issuers": [issuer],
            "cluster": place | passwords | {"home": DATABASE},
            "advertised": place | {"channel_binding": "disable"},
            "notice": {"command": ["/bin/sh", "-c", 'cat >> "$0"; echo >> "$0"', str(self.directory / NOTICES)]},
            "databases": [{"name": DATABASE, "schemas": list(SCHEMAS)}],
        }

    async def _load_data(self, settings: agent_config.Settings) -> None:
        """As a DBA would: the database, its data, and the agent's set-up."""
        async with await self._superuser("postgres") as connection:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            version = connection.info.server_version // 10_000
        async with await self._superuser(DATABASE) as connection:
            await connection.execute(resources.files("p0_demo").joinpath("data", "mydatabase.sql").read_bytes())
        scripts = agent_setup.bootstrap_scripts(
            settings, server_version=version, hardened=False, random=secrets.token_bytes
        )
        for script in scripts:
            async with await self._superuser(script.database) as connection:
                await connection.execute(script.sql.encode())

    async def _superuser(self, database: str) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(**self.postgres.superuser(database), autocommit=True)

    def _write(self, name: str, document: dict[str, Any]) -> Path:
        path = self.directory / name
        path.write_text(tomlkit.dumps(document))
        return path

    def _write_profile(self, person: User, issuer: str, thumbprint: str) -> None:
        self.profile(person).parent.mkdir(mode=0o700)
        profile = {"server": self.server, "issuer": issuer, "client_id": CLIENT_ID, "agents": [thumbprint]}
        self.profile(person).write_text(tomlkit.dumps({"profiles": {"default": profile | {"storage": "file"}}}))


def free_port() -> int:
    """A port that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _server_settings(listen: str, issuer: dict[str, Any], key: PublicKey) -> dict[str, Any]:
    known = {"crv": key.crv, "kty": key.kty, "x": key.x}
    agent = {"name": "demo", "thumbprint": key.thumbprint, "jwk": known, "databases": [DATABASE]}
    return {"listen": listen, "rules": "rules.yaml", "issuers": [issuer], "agents": [agent]}


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
