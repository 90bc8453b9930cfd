"""Programs on pseudo-terminals, as a person's terminal sees them: what they draw, and when."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

SECONDS: Final = 30.0
_SEQUENCES: Final = re.compile(r"\x1b(?:\[[0-9;?<>=$]*[A-Za-z]|[()][A-Z0-9]|[=>78]|\][^\x07]*\x07|P[^\x1b]*\x1b\\)")


class Terminal:
    """120 columns, 36 lines; an async context manager that ends the program."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._argv = argv
        self._environment = {k: v for k, v in environment.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self._read = asyncio.Event()
        self._drawn = ""
        self.started = 0.0
        self.last_drawn = 0.0

    async def __aenter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        asyncio.get_running_loop().add_reader(self._master, self._receive)
        self.started = time.perf_counter()
        self.process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._environment | {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def type(self, keys: str) -> float:
        """Sends `keys` and forgets what was drawn before; gives the time."""
        self._drawn = ""
        at = time.perf_counter()
        os.write(self._master, keys.encode())
        return at

    async def draws(self, text: str) -> float:
        """The time at which `text` was drawn; raises TimeoutError, with what was drawn instead."""
        try:
            async with asyncio.timeout(SECONDS):
                while text not in self._drawn:
                    self._read.clear()
                    await self._read.wait()
        except TimeoutError as error:
            raise TimeoutError(f"no {text!r} within {SECONDS} s, but {self._drawn[-2000:]!r}") from error
        return self.last_drawn

    async def still(self, seconds: float = 0.3) -> None:
        """Until nothing was drawn for a while, from now on."""
        while True:
            self._read.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._read.wait()
            except TimeoutError:
                return

    def cpu_seconds(self) -> float:
        """Used by the program so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _receive(self) -> None:
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # the program is gone
            return
        self.last_drawn = time.perf_counter()
        self._drawn += _SEQUENCES.sub("", data.decode("utf-8", "replace"))
        self._read.set()
