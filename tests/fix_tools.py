"""Programs that tests need beside Python: from the machine, or from where `tools/fetch-debs.sh` unpacked them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())  # before any test changes it
UNPACKED = _CACHE / "p0-test-tools" / "debs" / "wrappers"


def require_program(name: str) -> str:
    """The path of a program. Without it the test fails: a suite that quietly leaves things out proves nothing."""
    found = shutil.which(name) or shutil.which(name, path=str(UNPACKED))
    if found is None:
        pytest.fail(f"the tests need the program {name}: run `make test`, which gets it, or install it")
    return found
