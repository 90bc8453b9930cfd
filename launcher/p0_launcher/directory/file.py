"""The directory file as `p0 directory sync` keeps it, and beside it what the next run needs to know.

A file is complete before it takes the name, and is one that servers and agents would use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import tomlkit

from p0_access.encoding import decode, encode, sha256_b64u
from p0_access.errors import DirectoryError, MalformedError
from p0_access.routing.directory import load_directory
from p0_launcher.directory.membership import PersonBy
from p0_launcher.errors import ConfigurationError

MAX_STATE_BYTES: Final = 4 * 1024 * 1024


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file was made from and how; `only` are patterns of names of groups, all if empty."""

    source: str
    issuer: str
    by: PersonBy
    only: tuple[str, ...]


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the last run: what it was asked, the hash of the file it left, and the entity tags of the pages it read. `v`
    counts how answers are understood: what another version made of the same pages is made again."""

    v: Literal[1]
    asked: Asked
    sha256: str
    marks: dict[str, str]


def toml(groups: Mapping[str, Sequence[str]], asked: Asked) -> bytes:
    """Raises `DirectoryError` for what a server would not use, and for no groups at all: that is no good news."""
    if not groups:
        raise DirectoryError(
            f"{asked.source}: no group has a member", code="directory_invalid", hint="The file stays as it was."
        )
    document = tomlkit.document()
    document.add(tomlkit.comment("Written by p0 directory sync, which replaces it."))
    document["issuer"] = asked.issuer
    document["groups"] = {name: list(people) for name, people in groups.items()}
    data = tomlkit.dumps(document).encode()
    load_directory(data, source=asked.source)
    return data


def write(path: Path, data: bytes) -> bool:
    """Whether it changed. Where it did not, only its time tells that somebody looked."""
    try:
        if path.exists() and path.read_bytes() == data:
            os.utime(path)
            return False
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                unfinished.chmod(path.stat().st_mode & 0o777)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}",
            code="directory_unwritable",
            hint="Is its folder there, and yours to write?",
        ) from error
    return True


def state_of(path: Path, asked: Asked) -> State | None:
    """What the last run left, if it was asked the same and nobody changed the file since."""
    try:
        state = decode(_beside(path).read_bytes(), State, max_bytes=MAX_STATE_BYTES)
        unchanged = state.asked == asked and state.sha256 == sha256_b64u(path.read_bytes())
    except (OSError, MalformedError):
        return None
    return state if unchanged else None


def keep_state(path: Path, state: State) -> None:
    write(_beside(path), encode(state))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sync")
