"""SQL in files of the person's own: read whole, written private."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from p0_tui.errors import TuiError
from p0_tui.private_file import write_private

MAX_FILE_BYTES: Final = 1024 * 1024
"""More than can be asked for in one request."""


def read_query(path: Path) -> str:
    """The text of `path`; raises `TuiError` if it is no file of text, or a huge one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TuiError(f"{path} could not be read: {error.strerror}", code="file_unreadable") from error
    if len(data) > MAX_FILE_BYTES:
        raise TuiError(f"{path} is larger than a query can be", code="file_too_large")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise TuiError(f"{path} is not UTF-8 text", code="file_not_text") from error


def write_query(path: Path, sql: str) -> None:
    """Puts `sql` into `path`, which only its owner may read then; raises `TuiError`."""
    try:
        write_private(path, sql.encode() + (b"" if sql.endswith("\n") else b"\n"))
    except OSError as error:
        raise TuiError(f"{path} could not be written: {error.strerror}", code="file_unwritable") from error
