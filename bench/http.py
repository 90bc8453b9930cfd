"""Routed automatic requests through the HTTP API, and what 100,000 past ones change.

A request is one POST: the caller's proof, the act's signature, the reading of its SQL by the preview's child, routing,
and a durable commit. Client and server share one process, and so do they in the baseline: a Starlette endpoint under
the same uvicorn, that makes one durable insert into SQLite as the store is set up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Final

import aiosqlite
import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as Call
from starlette.responses import Response
from starlette.routing import Route

from bench.harness import WARM_UP, Table
from bench.verification import ISSUER, JWK, NOW, session
from p0_access.encoding import b64u, encode, sha256_b64u
from p0_access.messages.identity import Identity
from p0_access.messages.records import CatalogRecord, What
from p0_access.messages.views import EventType, State
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.proof import jws
from p0_access.proof.keys import SigningKey
from p0_access.proof.possession import prove
from p0_access.proof.sealing import OpeningKey
from p0_access.routing.decision import Automatic
from p0_launcher.acts import Signer
from p0_server.config import AgentSettings, Settings
from p0_server.serving import serve
from p0_server.store.records import NewEvent, StoredCatalog, StoredRequest
from p0_server.store.rows import to_row
from p0_server.store.sqlite import SqliteStore

TITLE: Final = "HTTP: an automatic request from POST to 201, 8 at a time"
CONNECTIONS: Final = 8
ROUNDS: Final = 10
A_ROUND: Final = 40
PAST: Final = (0, 1_000, 10_000, 100_000)
FLAT: Final = 1.3
"""Times what it costs on an empty store."""

AGENT: Final = SigningKey(b"\x05" * 32)
SQL: Final = "select id, total from sales.orders where id = 1"
RULES: Final = """\
version: 1
rules:
  - name: orders
    requestor: {groups: [analysts]}
    resource: {databases: [shop], schemas: [sales]}
    access: {privileges: [SELECT]}
    approval: {auto: true}
"""
CATALOG: Final = Catalog(
    database="shop",
    version="v1",
    server_version=18,
    schemas=("sales",),
    relations=(
        Relation(
            schema="sales",
            name="orders",
            kind="table",
            columns=tuple(Column(name=name, type="bigint") for name in ("id", "total")),
        ),
    ),
)


async def run(table: Table) -> None:
    """All are measured in turns, so that whatever else the machine does meanwhile is done to each."""
    with tempfile.TemporaryDirectory(prefix="p0-bench-") as name:
        directory = Path(name)
        (directory / "rules.yaml").write_text(RULES)
        async with contextlib.AsyncExitStack() as stack:
            bare = await stack.enter_async_context(_bare(directory))
            measured = [bare, *[await stack.enter_async_context(_requests(directory, past)) for past in PAST]]
            taken: list[list[float]] = [[] for _ in measured]
            for turn in range(WARM_UP + ROUNDS):
                for (port, rounds), seconds in zip(measured, taken, strict=True):
                    seconds.append(await _timed(port, rounds[turn]))
        names = ["a bare endpoint with one durable insert", *(f"a request, after {past:,} others" for past in PAST)]
        limit: float | None = None
        for what, seconds in zip(names, taken, strict=True):
            last = what == names[-1]
            row = table.add(what, seconds[WARM_UP:], limit=limit if last else None, baseline=what == names[0])
            limit = FLAT * row.median if what == names[1] else limit


Measured = tuple[int, list[list[bytes]]]
"""A port, and the calls of each round."""


@contextlib.asynccontextmanager
async def _bare(directory: Path) -> AsyncIterator[Measured]:
    connection = await aiosqlite.connect(directory / "bare.db", isolation_level=None)
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute("PRAGMA synchronous = FULL")
    await connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")

    async def insert(call: Call) -> Response:
        await connection.execute("INSERT INTO t (body) VALUES (?)", (await call.body(),))
        return Response(status_code=201)

    app = Starlette(routes=[Route("/", insert, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, http="h11", lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        round_ = [_call("/", {}, b"x" * 2_000)] * A_ROUND
        yield server.servers[0].sockets[0].getsockname()[1], [round_] * (WARM_UP + ROUNDS)
    finally:
        server.should_exit = True
        await task
        await connection.close()


@contextlib.asynccontextmanager
async def _requests(directory: Path, past: int) -> AsyncIterator[Measured]:
    agent = AgentSettings(name="agent", thumbprint=AGENT.public.thumbprint, jwk=AGENT.public, databases=("shop",))
    settings = Settings(
        listen="127.0.0.1:0", issuers=(ISSUER,), agents=(agent,), store=f"{past}.db", directory=directory
    )
    await _fill(settings.path(settings.store), past)
    async with serve(settings, clock=lambda: NOW, transport=httpx.MockTransport(_provider)) as running:
        people = [f"person{number}" for number in range(WARM_UP + ROUNDS)]
        yield running.port, [_submissions(running.url, person) for person in people]


async def _fill(path: Path, past: int) -> None:
    """A store as it is after so many requests, and the catalog."""
    store = await SqliteStore.open(path)
    text = encode(CATALOG).decode()
    record = CatalogRecord(database="shop", version="v1", at=NOW, sha256=sha256_b64u(text.encode()))
    await store.put_catalog(
        StoredCatalog(
            database="shop",
            agent=AGENT.public.thumbprint,
            version="v1",
            at=NOW,
            record=jws.sign(record, AGENT),
            catalog=text,
        )
    )
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        _insert(connection, "requests", (to_row(_past(number)) for number in range(past)))
        kinds: tuple[EventType, ...] = ("submitted", "approved", "active", "ended")
        for kind in kinds:
            event = to_row(NewEvent(at=NOW - 10, type=kind, state=State.ENDED, actor="dana"))
            _insert(connection, "events", ({**event, "rid": f"r-{each:08d}"} for each in range(past)))
        jobs = (
            {
                "job": f"j{each}", "rid": f"r-{each:08d}", "agent": AGENT.public.thumbprint, "kind": "admit",
                "act_hash": f"h{each}", "actor": "dana", "created": NOW - 10, "done_at": NOW - 9, "outcome": "active",
            }
            for each in range(past)
        )  # fmt: skip
        _insert(connection, "jobs", jobs)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was written before the clock runs is on the disk


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[dict[str, object]]) -> None:
    rows = iter(rows)
    for first in rows:
        names = ", ".join(first)
        values = ", ".join(f":{name}" for name in first)
        statement = f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608  names from here
        connection.execute(statement, first)
        connection.executemany(statement, rows)


def _past(number: int) -> StoredRequest:
    """Long over, of those who ask again."""
    return StoredRequest(
        rid=f"r-{number:08d}", rh=f"hash{number}", agent=AGENT.public.thumbprint, database="shop", state=State.ENDED,
        iss=ISSUER.issuer, sub=f"person{number % (WARM_UP + ROUNDS)}", email=None, reason="Monthly report", summary=SQL,
        created=NOW - 1_000, updated=NOW - 10, exp=NOW, ttl=900, record="r" * 900, identity=None,
        decision=Automatic(ttl=900, trace=()), admission="a" * 1_500, credential="c" * 900, deletion="d" * 500,
        end_cause="expired",
    )  # fmt: skip


def _submissions(url: str, name: str) -> list[bytes]:
    """A round of one person's requests."""
    key, identity = session(name)
    signer = Signer(key=key, identity=identity, clock=lambda: NOW, random=secrets.token_bytes)
    return [_submission(url, key, identity, signer) for _ in range(A_ROUND)]


def _submission(url: str, key: SigningKey, identity: Identity, signer: Signer) -> bytes:
    act = signer.sign_request(
        agent=AGENT.public.thumbprint, rid="r-" + secrets.token_hex(5), database="shop", what=What(statement=(SQL,)),
        reason="Monthly report", ttl=900, one_shot=True, enc=OpeningKey.generate(secrets.token_bytes).public,
    )  # fmt: skip
    credential = b64u(encode(identity))
    proof = prove(
        key, method="POST", url=f"{url}/v1/requests", credential=credential, now=NOW,
        jti=b64u(secrets.token_bytes(16)),
    )  # fmt: skip
    return _call("/v1/requests", {"Authorization": f"P0 {credential}", "DPoP": proof}, encode(act), url)


def _call(path: str, headers: dict[str, str], body: bytes, url: str = "http://127.0.0.1") -> bytes:
    """A whole HTTP/1.1 message."""
    host = url.removeprefix("http://")
    sent = {"Host": host, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def _timed(port: int, calls: Sequence[bytes]) -> float:
    """Seconds for each call, with as many on their way at any time as there are connections."""
    async with contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_connection(port)) for _ in range(CONNECTIONS)]
        left = iter(calls)
        begun = time.perf_counter()
        await asyncio.gather(*(_work(reader, writer, left) for reader, writer in connections))
        return (time.perf_counter() - begun) / len(calls)


async def _work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: Iterable[bytes]) -> None:
    for call in calls:
        writer.write(call)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.partition(b":")[2]))
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(f"{head.decode()}{body.decode()}")
        if body and msgspec.json.decode(body)["decision"]["verdict"] != "auto":
            raise RuntimeError("this was to be an automatic request")


@contextlib.asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def _provider(call: httpx.Request) -> httpx.Response:
    if call.url.path.endswith("/openid-configuration"):
        return httpx.Response(200, json={"issuer": ISSUER.issuer, "jwks_uri": f"{ISSUER.issuer}/jwks"})
    return httpx.Response(200, text=json.dumps({"keys": [JWK]}))
