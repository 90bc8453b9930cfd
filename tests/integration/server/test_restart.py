"""The server as a process: killed, it goes on where it was; stopped, it ends cleanly; misconfigured, it says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from fix_identity import served_issuer
from fix_plane import CUSTOMERS, MARKETS, Plane, code, read
from fix_scripted_agent import by
from p0_access.messages.views import State
from p0_server.main import EXIT_UNAVAILABLE, app
from p0_server.store.lock import only_server
from p0_server.store.records import StoreError

START_SECONDS = 30
ENTRY = "from p0_server.main import app; app(prog_name='p0 server')"


def configuration(plane: Plane, **changes: Any) -> Path:
    issuer, agent = plane.issuer.issuer.trusted, plane.agent.settings
    given = {"listen": "127.0.0.1:0", "store": "p0.db", "rules": "rules.yaml"} | changes
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    lines += [
        "[[issuers]]",
        f"issuer = {json.dumps(issuer.issuer)}",
        f"client_ids = {json.dumps(issuer.client_ids)}",
        f"algorithms = {json.dumps(issuer.algorithms)}",
        f"email_domains = {json.dumps(issuer.email_domains)}",
        "[[agents]]",
        f"name = {json.dumps(agent.name)}",
        f"thumbprint = {json.dumps(agent.thumbprint)}",
        f"databases = {json.dumps(agent.databases)}",
        f'jwk = {{x = "{agent.jwk.x}"}}',
    ]
    path = plane.directory / "server.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


async def start(config: Path, *arguments: str) -> Process:
    command = [sys.executable, "-c", ENTRY, "run", "--config", str(config), *arguments]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)


@contextlib.asynccontextmanager
async def process(plane: Plane, config: Path) -> AsyncIterator[Process]:
    """A running server; killed at the end if it still runs."""
    started = await start(config)
    assert started.stderr is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                line = await started.stderr.readline()
                assert line, "the server ended"
                if (said := json.loads(line))["event"] == "listening":
                    break
        callers = (plane.ada, plane.pat) if plane.url else None
        if callers is None:
            plane.reached_at(said["url"])
        else:  # the same people, who stay signed in
            plane.url = plane.agent.url = said["url"]
            for caller in callers:
                caller.url = said["url"]
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_everything_in_flight_survives_kill_9(tmp_path: Path) -> None:
    async with served_issuer() as issuer:
        plane = Plane(directory=tmp_path, issuer=issuer)
        config = configuration(plane)
        async with process(plane, config) as first:
            await plane.agent.publish()
            act = plane.ada.request(CUSTOMERS)
            view = read(await plane.ada.post("/v1/requests", act))
            job = await plane.agent.the_job("admit")
            used = plane.ada.headers("GET", "/v1/me")
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(plane.url + "/v1/me", headers=used)).status_code == 200
            port = int(plane.url.rpartition(":")[2])
            first.kill()
            await first.wait()
        config = configuration(plane, listen=f"127.0.0.1:{port}")
        async with process(plane, config) as second:
            async with httpx.AsyncClient(trust_env=False) as client:
                assert code(await client.get(plane.url + "/v1/me", headers=used)) == (401, "proof_replayed")
            assert (await plane.ada.post("/v1/requests", act)).status_code == 200  # sent again, taken in once
            assert await plane.agent.claim() == []  # still under its lease
            assert (await plane.agent.admit(job, by("privacy"))).status_code == 200  # the lease still counts
            pending = await plane.ada.view(view.rid)
            assert pending.state is State.PENDING
            approval = plane.pat.approval(pending)
            await plane.pat.post(f"/v1/requests/{view.rid}/approvals", approval)
            second.kill()
            await second.wait()
        async with process(plane, config) as third:
            job = await plane.agent.the_job("approval")
            await plane.agent.answer(job, "approved")
            approved = await plane.ada.view(view.rid)
            await plane.ada.post(f"/v1/requests/{view.rid}/collect", plane.ada.collection(approved))
            third.kill()
            await third.wait()
        async with process(plane, config) as fourth:
            await plane.agent.provide(await plane.agent.the_job("collect"))
            active = await plane.ada.view(view.rid)
            assert (active.state, active.credential is not None) == (State.ACTIVE, True)
            await plane.ada.post(f"/v1/requests/{view.rid}/end", plane.ada.ending(active, "relinquish"))
            fourth.kill()
            await fourth.wait()
        async with process(plane, config) as fifth:
            await plane.agent.end(await plane.agent.the_job("end"), "relinquished")
            ended = await plane.ada.view(view.rid)
            assert [event.type for event in ended.events] == [
                "submitted", "admitted", "approval", "approved", "collected", "active", "ending", "ended",
            ]  # fmt: skip
            fifth.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                _, errors = await fifth.communicate()
            assert fifth.returncode == 0
            for secret in (plane.ada.person.id_token, plane.ada.person.bind, act.record):
                assert secret.encode() not in errors
            assert MARKETS.encode() not in errors


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process, which Linux can")
async def test_a_full_disk_is_told_and_nothing_that_was_kept_is_lost(tmp_path: Path) -> None:
    """As the server sees one: its files may not grow beyond what they are."""
    async with served_issuer() as issuer:
        plane = Plane(directory=tmp_path, issuer=issuer)
        async with process(plane, configuration(plane)) as server:
            await plane.agent.publish()
            before = read(await plane.ada.post("/v1/requests", plane.ada.request(CUSTOMERS)))
            act = plane.ada.request(MARKETS)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            for _ in range(2):
                refused = await plane.ada.post("/v1/requests", act)
                assert code(refused) == (503, "store_unavailable")
                assert "room on its disk" in refused.json()["error"]["hint"]
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert (await plane.ada.post("/v1/requests", act)).status_code == 201  # without being started anew
            assert await plane.ada.view(before.rid) == before


async def test_a_store_has_one_server(plane: Plane) -> None:
    with pytest.raises(StoreError) as caught:
        async with Plane(directory=plane.directory).running():
            pass
    assert (caught.value.code, caught.value.hint is not None) == ("store_in_use", True)
    assert (await plane.ada.get("/v1/me")).status_code == 200


def test_by_whatever_link_it_is_reached(tmp_path: Path) -> None:
    store, link = tmp_path / "p0.db", tmp_path / "link.db"
    link.symlink_to(store)
    with only_server(store):
        with pytest.raises(StoreError) as caught, only_server(link):
            pass
        assert caught.value.code == "store_in_use"
    with only_server(link):
        pass


async def copied(config: Path, to: Path) -> Result:
    arguments = ["backup", "--config", str(config), str(to)]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


def restore(copy: Path, store: Path) -> None:
    for each in store.parent.glob(f"{store.name}*"):
        each.unlink()
    copy.rename(store)


async def test_a_server_goes_on_from_a_copy(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    config, copy = configuration(plane), tmp_path / "copy.db"
    missing = await copied(config, copy)
    assert (missing.exit_code, "is not there" in missing.output) == (EXIT_UNAVAILABLE, True)
    async with plane.running():
        before = await plane.ada.submit(CUSTOMERS)
        assert (await copied(config, copy)).exit_code == 0
        assert copy.stat().st_mode & 0o077 == 0
        kept = copy.read_bytes()
        again = await copied(config, copy)
        assert (again.exit_code, "is there already" in again.output) == (EXIT_UNAVAILABLE, True)
        assert copy.read_bytes() == kept
        await plane.agent.admit(await plane.agent.the_job("admit"), by("privacy"))
        after = await plane.ada.submit(CUSTOMERS)
    restore(copy, tmp_path / "p0.db")
    async with plane.running():
        assert (await plane.ada.view(before.rid)).state is State.SUBMITTED
        assert code(await plane.ada.get(f"/v1/requests/{after.rid}")) == (404, "unknown_request")
        job = await plane.agent.the_job("admit")  # handed out again: its agent says how far it is by now
        assert (await plane.agent.admit(job, by("privacy"))).status_code == 200
        assert (await plane.ada.view(before.rid)).state is State.PENDING


COPYING = """
import signal, sys
from pathlib import Path
from p0_server.store.backup import back_up
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it runs in the background ignore it
back_up(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def has_opened(process: subprocess.Popen[bytes], file: Path) -> bool:
    for each in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if each.readlink() == file.resolve():
                return True
    return False


def test_a_copy_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    store, copy = tmp_path / "p0.db", tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as holding:
        many = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 50000) SELECT i FROM n"
        holding.execute(f"CREATE TABLE t AS {many}")
        holding.execute("BEGIN EXCLUSIVE")
        with subprocess.Popen([sys.executable, "-c", COPYING, store, copy], stderr=subprocess.PIPE) as copying:
            deadline = time.monotonic() + START_SECONDS
            while not has_opened(copying, store):  # there is nothing that would tell
                assert time.monotonic() < deadline
                time.sleep(0.01)
            copying.send_signal(signal.SIGINT)
            holding.execute("ROLLBACK")
            _, said = copying.communicate(timeout=START_SECONDS)
    assert said.strip().endswith(b"KeyboardInterrupt")
    assert list(tmp_path.iterdir()) == [store]


async def test_a_job_whose_agent_died_with_it_is_handed_out_again_after_a_restart(tmp_path: Path) -> None:
    plane = Plane(directory=tmp_path)
    async with plane.running():
        await plane.ada.submit()
        lost = await plane.agent.the_job("admit")
    async with plane.running():
        plane.clock.ahead = 61
        again = await plane.agent.the_job("admit")
        assert again.job == lost.job


async def test_a_job_is_not_handed_to_an_agent_that_has_gone(plane: Plane) -> None:
    plane.clock.ahead = 60  # not heard of for a minute, so that its call shows
    waiting = asyncio.create_task(plane.agent.claim(30))
    async with asyncio.timeout(START_SECONDS):
        while not (await plane.ada.get("/v1/databases")).json()["databases"][0]["online"]:
            pass
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await plane.ada.submit()
    assert len(await plane.agent.claim(10)) == 1


# the command


async def outcome(config: Path, *arguments: str) -> tuple[int | None, list[str]]:
    """Exit status and the lines on stderr of a server that does not start."""
    started = await start(config, *arguments)
    async with asyncio.timeout(START_SECONDS):
        out, errors = await started.communicate()
    assert out == b""
    return started.returncode, errors.decode().splitlines()


@pytest.fixture
def stopped(tmp_path: Path) -> Plane:
    return Plane(directory=tmp_path)


async def test_a_taken_port_is_one_clear_line(stopped: Plane) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, lines = await outcome(configuration(stopped), "--listen", address)
    assert status == 69
    assert lines == [
        f"p0 server: {address} is taken by another program",
        "hint: Stop it, or choose another with --listen HOST:PORT.",
    ]


async def test_plain_http_for_other_machines_is_refused(stopped: Plane) -> None:
    status, lines = await outcome(configuration(stopped), "--listen", "0.0.0.0:0")
    assert (status, lines[0]) == (78, "p0 server: refusing to listen on 0.0.0.0:0 without TLS")
    status, lines = await outcome(configuration(stopped), "--listen", "0.0.0.0:0", "--behind-proxy")
    assert (status, lines[0]) == (78, "p0 server: listening on 0.0.0.0:0 needs the URL that clients use")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stor": "x"}, "Did you mean 'store'?"),
        ({"listen": "8400"}, "'8400' is not an address to listen on"),
        ({"rules": "none.yaml"}, "cannot read the rules"),
    ],
)
async def test_a_configuration_that_cannot_be_used(stopped: Plane, changes: dict[str, str], said: str) -> None:
    status, lines = await outcome(configuration(stopped, **changes))
    assert status == 78
    assert any(said in line for line in lines)
    assert not any("Traceback" in line for line in lines)


async def test_rules_that_cannot_be_used_are_told_with_their_place(stopped: Plane) -> None:
    (stopped.directory / "other.yaml").write_text("version: 1\nrulez: []\n")
    status, lines = await outcome(configuration(stopped), "--rules", str(stopped.directory / "other.yaml"))
    assert status == 78
    assert "other.yaml:2:1" in lines[0]


async def test_a_store_that_cannot_be_opened(stopped: Plane) -> None:
    (stopped.directory / "p0.db").write_bytes(b"no database at all, and long enough to tell" * 100)
    status, lines = await outcome(configuration(stopped))
    assert status == 69
    assert "cannot open the store" in lines[0]
