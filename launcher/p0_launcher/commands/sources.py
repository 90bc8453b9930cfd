"""Where SQL comes from: files and the standard input, read once."""

from __future__ import annotations

import sys
from pathlib import Path

from p0_launcher.errors import SqlRefusedError
from p0_launcher.files import unreadable


def read_text(name: str) -> str:
    """The whole of a file as it is; `-` is the standard input."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode()
    except OSError as error:
        raise unreadable(name, error) from error
    except UnicodeDecodeError as error:
        raise SqlRefusedError(
            f"{name} is not UTF-8 text (byte {error.start})", code="not_utf8", hint="Convert it, then ask again"
        ) from error
