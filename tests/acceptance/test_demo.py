"""`p0 demo` as a newcomer runs it: the whole tour, nothing left behind, several at once, Ctrl-C at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from fix_stage import finish, start


def processes(directory: Path) -> list[str]:
    """The command lines of all processes that name `directory`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it has just ended
            if str(directory) in line:
                found.append(line)
    return found


def left(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A temporary directory with a space in its name, which everybody may pass through: PostgreSQL may be `nobody`."""
    for directory in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        directory.chmod(0o755)
    place = tmp_path / "a place"
    place.mkdir()
    return place


def environment(place: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(place), "HOME": str(place)}


async def test_two_tours_at_once_show_everything_and_leave_nothing(place: Path) -> None:
    tours = await asyncio.gather(
        *[start("demo", environment=environment(place), cwd=place, group=True) for _ in range(2)]
    )
    for ran in await asyncio.gather(*[finish(tour) for tour in tours]):
        assert ran.status == 0, ran
        assert "HU   | Hungary" in ran.out
        assert "(12 rows)" in ran.out
        assert "@example.com" in ran.out
        assert "any statement over these columns" in ran.out + ran.err
        assert "Open a migration instead" in ran.err
        assert "Nothing is left in the database" in ran.err
        assert "p0 demo --keep" in ran.err
    assert left(place) == []
    assert processes(place) == []


@pytest.mark.parametrize("moment", ["Starting PostgreSQL", "Dana runs a query", "Dana waits", "It all stays up"])
async def test_ctrl_c_at_any_moment_leaves_no_process_and_no_file(place: Path, moment: str) -> None:
    tour = await start("demo", "--keep", environment=environment(place), cwd=place, group=True)
    assert tour.stderr is not None
    said = b""
    async with asyncio.timeout(60):
        while moment.encode() not in said:
            line = await tour.stderr.readline()
            assert line, said.decode()
            said += line
    os.killpg(tour.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
    ran = await finish(tour)
    assert ran.status in {0, 130}, ran
    assert "Traceback" not in ran.err, ran.err
    assert left(place) == []
    assert processes(place) == []
