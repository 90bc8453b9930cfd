"""The terminal UI's own errors; what goes wrong behind the backend arrives as the launcher's."""

from __future__ import annotations

from p0_access.errors import P0Error


class TuiError(P0Error):
    """The terminal UI cannot start or go on; the hint says what would help."""
