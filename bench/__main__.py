"""`python -m bench [--strict] [MODULE …]` runs modules of this package, all if none is named, and prints their tables.

With --strict the exit status is 1 when a row is above its limit: for a machine that does nothing else meanwhile.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import platform
import sys
from pathlib import Path

from bench.harness import Table

_NO_BENCHES = {"__main__", "cases", "harness", "terminals"}


def modules() -> list[str]:
    here = [str(Path(__file__).parent)]
    return sorted(each.name for each in pkgutil.iter_modules(here) if each.name not in _NO_BENCHES)


async def main(arguments: list[str]) -> int:
    names = [each for each in arguments if each != "--strict"]
    unknown = set(names) - set(modules())
    if unknown:
        sys.stderr.write(f"bench: no {', '.join(sorted(unknown))}; there are: {', '.join(modules())}\n")
        return 64
    sys.stdout.write(f"Python {platform.python_version()} on {platform.machine()}\n")
    held = True
    for name in names or modules():
        module = importlib.import_module(f"bench.{name}")
        table = Table(module.TITLE)
        await module.run(table)
        sys.stdout.write(f"\n{table}\n")
        sys.stdout.flush()
        held = held and all(row.holds for row in table.rows)
    return 0 if held or "--strict" not in arguments else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
