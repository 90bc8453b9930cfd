"""Memory that was needed for a moment, back to the system."""

from __future__ import annotations

import contextlib


def give_back() -> None:
    """What was freed last stays with glibc, tens of megabytes after a large catalog was read (malloc_trim(3)). Other C
    libraries keep less and have no such function."""
    import ctypes  # here: the first paint doesn't wait for it

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
