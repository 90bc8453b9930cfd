"""Files that a person names, and what is said where one cannot be read or written. Their content is not looked at."""

from __future__ import annotations

from pathlib import Path

from p0_access.unreadable import hint_for
from p0_launcher.errors import UsageError


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: OSError) -> UsageError:
    return UsageError(f"cannot read {path}: {error.strerror}", code="file_unreadable", hint=hint_for(error))


def unwritable(path: Path, error: OSError) -> UsageError:
    hint = "Name a file in a folder of yours"
    return UsageError(f"cannot write {path}: {error.strerror}", code="file_unwritable", hint=hint)
