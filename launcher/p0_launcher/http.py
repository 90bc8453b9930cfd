"""httpx, without the command line that it brings along: rich and pygments are half of its import time where they are
installed, and `p0 psql` starts often. `import httpx.main` is all that does not work.
"""

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None says: not importable

import httpx  # noqa: E402 - after the line above

__all__ = ["httpx"]
