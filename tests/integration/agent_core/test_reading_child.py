"""The child that reads: a statement that takes too long or kills it costs that statement, and the next one is read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from p0_access.permissions.catalog import Catalog, Column, Relation
from p0_access.permissions.reading import StatementReading
from p0_agent.errors import AgentError
from p0_agent.reading.child import ReadingChild

CATALOG = Catalog(
    database="d",
    version="1",
    server_version=18,
    schemas=("e",),
    relations=(Relation(schema="e", name="m", kind="table", columns=(Column(name="id", type="integer"),)),),
)
GOOD = ("select id from e.m",)


@pytest.fixture
async def child() -> AsyncIterator[ReadingChild]:
    reading = ReadingChild()
    yield reading
    await reading.close()


def children() -> set[int]:
    """The process ids of this process's reading children."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread of a pool that ended since
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return {pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def ended(pid: int) -> bool:
    """Whether a child has ended, and waits for its parent to notice."""
    return "(zombie)" in Path(f"/proc/{pid}/status").read_text()


async def test_a_child_that_is_killed_costs_its_statement_only(child: ReadingChild) -> None:
    others = children()  # of a whole agent that other tests may have running in this process
    (reading,) = await child.read(GOOD, CATALOG, ("public",))
    assert isinstance(reading, StatementReading)
    (pid,) = children() - others
    os.kill(pid, signal.SIGSTOP)  # it has no processor time now: only the clock on the wall can tell
    begun = time.monotonic()
    with pytest.raises(AgentError, match="takes longer") as caught:
        await child.read(GOOD, CATALOG, ("public",))
    assert caught.value.code == "unreadable_sql"
    assert time.monotonic() - begun > 0.25
    assert (await child.read(GOOD, CATALOG, ("public",)))[0] == reading
    (pid,) = children() - others
    os.kill(pid, signal.SIGKILL)
    while not ended(pid):
        pass
    assert (await child.read(GOOD, CATALOG, ("public",)))[0] == reading


async def test_hostile_sql_is_refused_and_the_child_lives(child: ReadingChild) -> None:
    hostile = ["(" * 1_000_000, "select 1" + " union select 1" * 20_000, "select " + "1+" * 30_000 + "1", "\0"]
    for text in hostile:
        readings = await child.read((text,), CATALOG, ("public",))
        assert not any(isinstance(reading, StatementReading) for reading in readings), text[:20]
    assert isinstance((await child.read(GOOD, CATALOG, ("public",)))[0], StatementReading)
