"""The installed version of p0."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("p0")
