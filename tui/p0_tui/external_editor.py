"""Editing the query in the person's own editor, on the lent terminal."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from p0_tui.errors import TuiError


async def edit_text(
    text: str, run: Callable[[Sequence[str]], Awaitable[int]], environment: Mapping[str, str] = os.environ
) -> str:
    """`text` as it is when $VISUAL or $EDITOR (else vi) has ended; raises `TuiError` if that failed.

    The file is 0600 in a directory of its own and is removed whatever happens.
    """
    command = shlex.split(environment.get("VISUAL") or environment.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="p0-") as directory:
        path = Path(directory) / "query.sql"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        try:
            status = await run([*command, str(path)])
        except OSError as error:
            raise TuiError(
                f"{command[0]} could not be started: {error.strerror}", code="editor_failed", hint="Set EDITOR."
            ) from error
        if status != 0:
            raise TuiError(f"{command[0]} ended with status {status}; the query is as it was", code="editor_failed")
        return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
