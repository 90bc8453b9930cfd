"""httpx, without the command line that it brings along: rich and pygments are half of its import time where they are
installed, and `p0 psql` starts often. `import httpx.main` is all that does not work.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None says: not importable

import httpx  # noqa: E402 - after the line above

if TYPE_CHECKING:
    import ssl

__all__ = ["httpx", "trusted"]


def trusted(url: httpx.URL) -> ssl.SSLContext | bool:
    """What certificates are held against, for httpx: the file of SSL_CERT_FILE, or the public CAs. Without TLS nothing
    is loaded, which takes 40 ms."""
    return url.scheme == "https" and httpx.create_ssl_context()
