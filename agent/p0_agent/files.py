"""Files that the configuration names: read, and made where they are to hold a secret. A `ConfigurationError` names the
file and says what is wrong with it; what its text means is each reader's to say."""

from __future__ import annotations

from pathlib import Path

from p0_access.secret import Secret
from p0_access.unreadable import hint_for
from p0_agent.errors import ConfigurationError


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path}: {error.strerror}", code="config_unreadable", hint=hint_for(error)
        ) from error


def read_text(path: Path) -> str:
    try:
        return read_file(path).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8", code="config_malformed", hint="It is a text file: save it as UTF-8"
        ) from error


def read_secret(path: Path) -> Secret:
    """The first line of a secret's own file."""
    line = read_text(path).partition("\n")[0]
    if not line:
        raise ConfigurationError(
            f"{path} is empty", code="secret_empty", hint="Remove it; p0 agent bootstrap-sql makes a new one"
        )
    return Secret(line)


def make_secret(path: Path, line: str) -> None:
    """A file that only its owner can read: whole or not at all, also when the power fails here."""
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_text(line + "\n")
        unfinished.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make {path}: {error.strerror}",
            code="secret_unwritable",
            hint="Is its folder there, and may whoever runs this write to it?",
        ) from error
