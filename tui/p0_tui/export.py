"""Lists of requests as files that are their owner's alone: JSON, or CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from p0_access.messages.views import RequestSummary
from p0_tui.errors import TuiError
from p0_tui.private_file import write_private

COLUMNS: Final = (
    *("rid", "database", "state", "end_cause", "requestor", "reason", "summary"),
    *("created", "updated", "ttl", "not_after", "login", "message"),
)
_TIMES: Final = frozenset({"created", "updated", "not_after"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export(path: Path, requests: Sequence[RequestSummary]) -> None:
    """Writes `requests` to `path`, 0600, as its suffix says; raises `TuiError`."""
    match path.suffix.lower():
        case ".json":
            data = msgspec.json.format(msgspec.json.encode(requests), indent=2) + b"\n"
        case ".csv":
            data = _csv(requests).encode()
        case _:
            raise TuiError(f"{path.name} should end in .json or .csv", code="export_format")
    try:
        write_private(path, data)
    except OSError as error:
        raise TuiError(f"{path} could not be written: {error.strerror}", code="file_unwritable") from error


def _csv(requests: Sequence[RequestSummary]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in requests:
        values = msgspec.structs.asdict(item) | {"requestor": item.requestor.email or item.requestor.sub}
        writer.writerow([_cell(name, values[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(name: str, value: object) -> str:
    """As text; a time as ISO 8601. What a spreadsheet would run as a formula begins with an apostrophe."""
    if value is None:
        return ""
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).isoformat()
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
