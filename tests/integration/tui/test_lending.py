"""The terminal, lent to another program and taken back: on a real pseudo-terminal, with real signals."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SECONDS = 30.0

APPLICATION = """
import asyncio, os, sys
from textual.app import App
from p0_tui.terminal import lend

CHILD = '''
import os, sys, time
try:
    print("CHILD READS", os.pread(int(sys.argv[1]), 99, 0).decode(), os.environ["HELD"], flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("CHILD INTERRUPTED", flush=True)
    sys.exit(7)
'''

class Lending(App):
    def on_mount(self):
        self.run_worker(self.go())

    async def go(self):
        held = os.memfd_create("held")
        os.write(held, b"from-memory")
        ticks = 0
        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)
        ticking = asyncio.create_task(tick())
        status = await lend(
            self, [sys.executable, "-c", CHILD, str(held)], environment={"HELD": "environment"}, descriptors=[held]
        )
        ticking.cancel()
        self.exit(f"CAME BACK {status} {ticks > 1}")

print(Lending().run(), flush=True)
"""


class Terminal:
    """A program on a terminal of its own, what it printed, and a keyboard."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
            preexec_fn=lambda: _own(slave),  # noqa: PLW1509 - nothing is threaded here
        )
        os.close(slave)
        self.said = ""

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, condition: Callable[[str], bool]) -> str:
        limit = time.monotonic() + SECONDS
        while not condition(self.said):
            ready, _, _ = select.select([self.master], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise AssertionError(f"not within {SECONDS} s; it said {self.said[-2000:]!r}")
            try:
                self.said += os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError as error:  # the other side is gone
                raise AssertionError(f"it ended; it said {self.said[-2000:]!r}") from error
        return self.said

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


def _own(slave: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    program = tmp_path / "lending.py"
    program.write_text(APPLICATION)
    made = Terminal(sys.executable, str(program), cwd=tmp_path)
    yield made
    made.close()


def test_ctrl_c_reaches_the_child_alone_and_the_application_comes_back(terminal: Terminal) -> None:
    terminal.until(lambda said: "CHILD READS from-memory environment" in said)
    terminal.type(b"\x03")
    said = terminal.until(lambda said: "CAME BACK" in said)
    assert "CHILD INTERRUPTED" in said
    assert "CAME BACK 7 True" in said
    assert "Traceback" not in said
    terminal.process.wait(timeout=SECONDS)
    assert terminal.process.returncode == 0


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_without_a_terminal_on_every_stream_it_says_so(stream: str, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    with (tmp_path / "file").open("w+") as file:
        program = "from p0_tui.terminal import require_terminal\ntry:\n require_terminal()\nexcept Exception as e:\n"
        program += f" open({str(tmp_path / 'said')!r}, 'w').write(f'{{e}} {{e.hint}}')"
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"TERM": "xterm"},
            check=False,
            stdin=file if stream == "stdin" else slave,
            stdout=file if stream == "stdout" else slave,
            stderr=file if stream == "stderr" else slave,
        )
    os.close(master)
    os.close(slave)
    assert ran.returncode == 0
    said = (tmp_path / "said").read_text()
    assert f"draws on the terminal, and {stream} is not one" in said
    assert "Run it without redirection" in said


def test_p0_tui_in_a_pipe_is_one_clear_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "p0_launcher", "tui"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 78
    assert ran.stdout == ""
    assert ran.stderr.splitlines() == [
        "p0: p0 tui draws on the terminal, and stdin is not one",
        "hint: Run it without redirection; in scripts use p0 psql, p0 requests and p0 approve.",
    ]
