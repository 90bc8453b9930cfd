"""`p0 tui` against its budgets: on a real terminal over the demo's server and agent, and its parts by themselves."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.harness import Table
from bench.terminals import Terminal
from p0_access.encoding import encode, sha256_b64u
from p0_access.messages.records import CatalogRecord
from p0_access.messages.views import AgentView, CatalogView, State
from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.proof import jws
from p0_agent.config import agent_key
from p0_demo.identity_provider import User
from p0_demo.stage import DANA, DATABASE, PAT, PEOPLE, Stage
from p0_launcher.profile import load
from p0_tui.backend import Draft
from p0_tui.catalog_cache import CatalogCache
from p0_tui.catalog_rows import CatalogRows
from p0_tui.completion import complete, warm
from p0_tui.launcher_backend import LauncherBackend
from p0_tui.preview import Preview
from p0_tui.reader import Reader

TITLE: Final = "p0 tui: budgets"

P0_TUI: Final = (sys.executable, "-P", "-m", "p0_launcher", "tui")
EMPTY: Final = (
    "from textual.app import App\n"
    "from textual.widgets import Static\n"
    "class Empty(App):\n"
    "    def compose(self): yield Static('Request')\n"
    "Empty().run()\n"
)
TEN_LINES: Final = (
    "SELECT c.email, sum(o.amount)\n  FROM enterprise.customers c\n  JOIN enterprise.orders o\n"
    "    ON o.customer_id = c.id\n WHERE o.status = 'paid'\n GROUP BY 1\n"
)
SQL: Final = "select email from enterprise.customers where id = 1"
IDLE_SECONDS: Final = 20.0


async def run(table: Table) -> None:
    with tempfile.TemporaryDirectory(prefix="p0-bench-") as state:
        async with Stage() as stage:
            for person in PEOPLE:
                await _p0(stage, person, "login", "--insecure-storage")
            await _first_paint(table, stage, state)
            await _at_the_screen(table, stage, state)
            await _with_many_tables(table, stage, state)
    _readings(table)
    _large_catalog(table)


async def _first_paint(table: Table, stage: Stage, state: str) -> None:
    async def painted(argv: tuple[str, ...]) -> float:
        async with Terminal(argv, _environment(stage, DANA, state)) as terminal:
            return await terminal.draws("Request") - terminal.started

    for name, argv, limit in (
        ("an empty Textual application, first paint", (sys.executable, "-c", EMPTY), None),
        ("first paint", P0_TUI, 0.6),
    ):
        await painted(argv)  # not counted: the disk's
        taken = [await painted(argv) for _ in range(7)]
        table.add(name, taken, limit=limit, baseline=limit is None)


async def _at_the_screen(table: Table, stage: Stage, state: str) -> None:
    async with _ready(stage, DANA, state):
        pass  # not counted: what is loaded after the first paint is compiled from now on
    async with _ready(stage, DANA, state) as dana, _ready(stage, PAT, state) as pat:
        table.measure("memory after the start", dana.memory_mb(), unit="MB", limit=90)
        cpu, at = dana.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(IDLE_SECONDS)
        idle = 100 * (dana.cpu_seconds() - cpu) / (time.perf_counter() - at)
        table.measure("idle, of one core", idle, unit="%", limit=3)
        table.add("key echo", [await _echo(dana, letter) for letter in "-- abcdefghijklmnopqr"], limit=0.04)
        table.add("verdict of the server after the last key", [await _verdict(dana) for _ in range(10)], limit=0.4)
        table.add("event → screen", await _events(stage, pat), limit=0.15)
        await _open_access(dana)
        table.add("F2 → psql's prompt", [await _psql(dana) for _ in range(5)], limit=0.6)
        cpu, at = dana.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(IDLE_SECONDS)
        counting = 100 * (dana.cpu_seconds() - cpu) / (time.perf_counter() - at)
        table.measure("idle with a countdown, of one core", counting, unit="%", limit=3)


async def _with_many_tables(table: Table, stage: Stage, state: str) -> None:
    """As the agent would sign it, and as it is kept for when the server is away."""
    key = agent_key(stage.directory / "agent.key", os.urandom)
    catalog = _catalog(100_000)
    text = encode(catalog).decode()
    record = CatalogRecord(
        database=DATABASE, version=catalog.version, sha256=sha256_b64u(text.encode()), at=int(time.time())
    )
    agent = AgentView(thumbprint=key.public.thumbprint, jwk=key.public)
    view = CatalogView(record=jws.sign(record, key), catalog=text, agent=agent)
    CatalogCache(Path(state) / DANA.sub / "p0/tui/default/catalogs").keep(DATABASE, view)
    away = _environment(stage, DANA, state) | {"P0_SERVER": "http://127.0.0.1:1"}
    async with Terminal((*P0_TUI, "-d", DATABASE), away) as terminal:
        await terminal.draws("schema_1")
        await terminal.still(2.0)
        table.measure("memory with 100,000 tables", terminal.memory_mb(), unit="MB", limit=90)


async def _echo(terminal: Terminal, letter: str) -> float:
    await terminal.still()
    at = terminal.type(letter)
    return await terminal.draws(letter) - at


async def _verdict(terminal: Terminal) -> float:
    await _clear(terminal)
    terminal.type("select id from enterprise.markets")
    await terminal.draws("AUTO")
    await terminal.still()
    await _clear(terminal)
    terminal.type("select phone from enterprise.customer")
    await terminal.still(1.0)
    at = terminal.type("s")
    return await terminal.draws("NEEDS APPROVAL") - at


async def _events(stage: Stage, pat: Terminal) -> list[float]:
    """From when a plain client of Pat's stream is told of a request of Dana's to when it is on Pat's screen."""
    dana, watching = (LauncherBackend(load(environ=stage.environment(person))) for person in (DANA, PAT))
    heard: dict[str, float] = {}

    async def listen() -> None:
        async for event in watching.events(None):
            if event.state is State.PENDING:
                heard.setdefault(event.rid, time.perf_counter())

    listening = asyncio.create_task(listen())
    taken = []
    for number in range(10):
        pat.type("")
        rid = (await dana.submit(Draft(database=DATABASE, sql=SQL, reason=f"bench-{number}"))).rid
        shown = await pat.draws(f"bench-{number}")
        taken.append(max(0.0, shown - heard[rid]))
        await dana.give_back(rid)
        await pat.still()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await dana.close()
    await watching.close()
    return taken


async def _open_access(dana: Terminal) -> None:
    await _clear(dana)
    dana.type("select code from enterprise.markets")
    await dana.draws("AUTO")
    dana.type("\n")  # ^J
    await dana.draws("Why do you need it")
    dana.type("bench\r")
    await dana.draws("READY")
    await dana.still()


async def _psql(dana: Terminal) -> float:
    at = dana.type("\x1bOQ")
    prompted = await dana.draws("=> ")
    dana.type("\\q\r")
    await dana.draws("Permissions")
    await dana.still()
    return prompted - at


async def _clear(terminal: Terminal) -> None:
    """The one line in the editor goes."""
    terminal.type("\x1b[1;5F\x15")  # ^End, ^U
    await terminal.draws("What your SQL needs")
    await terminal.still()


@asynccontextmanager
async def _ready(stage: Stage, person: User, state: str) -> AsyncIterator[Terminal]:
    async with Terminal(P0_TUI, _environment(stage, person, state)) as terminal:
        await terminal.draws("live ✓")
        await terminal.still(1.0)
        yield terminal


def _environment(stage: Stage, person: User, state: str) -> dict[str, str]:
    """With compiled modules, as an installation has them, whether or not this working tree may keep them."""
    kept = {name: value for name, value in stage.environment(person).items() if name != "PYTHONDONTWRITEBYTECODE"}
    mine = {"PYTHONPYCACHEPREFIX": f"{state}/compiled", "XDG_STATE_HOME": f"{state}/{person.sub}"}
    return kept | mine | {"PSQLRC": os.devnull, "PAGER": "cat"}


async def _p0(stage: Stage, person: User, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "p0_launcher", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=stage.environment(person),
    )
    assert await process.wait() == 0, arguments


def _readings(table: Table) -> None:
    catalog = _catalog(100)
    reader = Reader()
    reader.load()
    preview = Preview(reader)
    preview.use_catalog(catalog)
    number = 0

    def typed(lines: int) -> None:
        nonlocal number
        number += 1
        text = ";\n".join([TEN_LINES] * (lines // 6))
        preview.typed(f"{text} -- {number}")

    table.time("local permissions, 10 lines", lambda: typed(6), limit=0.06)
    table.time("local permissions, 200 lines", lambda: typed(198), rounds=20, limit=0.12)


def _large_catalog(table: Table) -> None:
    catalog = decode_catalog(encode(_catalog(100_000)))
    rows = CatalogRows()
    table.time("100,000 tables: show", lambda: rows.show_catalog(catalog), rounds=5, limit=0.25)
    words = iter(range(10_000))
    rows.filter("warm")
    table.time("100,000 tables: filter", lambda: rows.filter(f"schema_1 {next(words)}"), rounds=20, limit=0.08)
    warm(catalog)
    at = len("select * from table_99")
    table.time("100,000 tables: offer names", lambda: complete("select * from table_99", at, catalog), limit=0.04)


def _catalog(size: int) -> Catalog:
    columns = (Column(name="id", type="bigint"), Column(name="status", type="text"))
    made = [
        Relation(schema=f"schema_{number % 50}", name=f"table_{number}", kind="table", columns=columns)
        for number in range(size)
    ]
    customers = Relation(
        schema="enterprise",
        name="customers",
        kind="table",
        columns=(Column(name="id", type="bigint"), Column(name="email", type="text", comment="p0:pii")),
    )
    orders = Relation(
        schema="enterprise",
        name="orders",
        kind="table",
        columns=(
            *columns,
            Column(name="customer_id", type="bigint"),
            Column(name="amount", type="numeric"),
        ),
    )
    schemas = ("enterprise", *(f"schema_{number}" for number in range(50)))
    relations = (customers, orders, *made)
    return Catalog(database=DATABASE, version="v1", server_version=18, schemas=schemas, relations=relations)
