"""Rules, catalogs and directories from files, with one error for each thing that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

from p0_access.errors import MalformedError
from p0_access.permissions.catalog import Catalog
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.routing.directory import Directory, load_directory
from p0_access.routing.load import load
from p0_access.routing.rules import RuleSet
from p0_launcher.errors import ConfigurationError
from p0_launcher.files import read_bytes


def read_rules(path: Path) -> RuleSet:
    """Raises `RulesError` with the place of what is wrong."""
    return load(read_bytes(path), source=str(path))


def read_directory(path: Path | None) -> Directory:
    """An empty one without a file. Raises `DirectoryError` with the place of what is wrong."""
    return Directory() if path is None else load_directory(read_bytes(path), source=str(path))


def read_catalog(path: Path) -> Catalog:
    """A catalog as `p0 ls NAME --json` prints it."""
    try:
        return decode_catalog(read_bytes(path))
    except MalformedError as error:
        raise ConfigurationError(
            f"{path} is not a catalog: {error}", code="catalog_malformed", hint="p0 ls NAME --json prints one"
        ) from error
