"""The work screen's keys as tables: hints, jump labels, and what has the focus first in each mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from p0_tui.widgets.header import Mode
from p0_tui.widgets.key_hints import Hint

HINTS: Final[Mapping[Mode, Sequence[Hint]]] = {
    "request": (("^J", "submit"), ("F2", "psql"), ("F3", "run"), ("^O", "jump"), ("^E", "$EDITOR")),
    "mine": (("Enter", "psql"), ("d d", "give back"), ("y", "copy"), ("e", "longer, or edit"), ("^O", "jump")),
    "inbox": (("A", "approve"), ("X", "deny"), ("n", "less"), ("Space", "mark"), ("^O", "jump")),
    "history": (("/", "filter"), ("Enter", "read"), ("x", "export"), ("X", "end it"), ("y", "copy"), ("^O", "jump")),
}
COMMON_JUMPS: Final = (
    *(("1", "Request"), ("2", "Mine"), ("3", "Inbox"), ("4", "History"), ("d", "database")),
    *(("x", "psql in place of p0 tui"), ("m", "allowances")),
)
JUMPS: Final[Mapping[Mode, Sequence[tuple[str, str, str]]]] = {
    "request": (
        ("c", "catalog", "#catalog"),
        ("q", "query", "#editor"),
        ("r", "reason", "#reason"),
        ("p", "permissions", "#permissions"),
        ("s", "status", "#status"),
    ),
    "mine": (("l", "list", "#mine-list"), ("t", "details", "#mine-detail")),
    "inbox": (("l", "list", "#inbox-list"), ("t", "review", "#review")),
    "history": (("l", "list", "#history-list"), ("t", "details", "#history-detail")),
}
REQUEST_JUMPS: Final = (
    ("[", "older draft"),
    ("]", "newer draft"),
    ("h", "recent SQL"),
    ("o", "open file"),
    ("w", "save file"),
    ("f", "lay out"),
    ("-", "leave out"),
    ("!", "break the glass"),
)
FIRST_FOCUS: Final[Mapping[Mode, str]] = {
    "request": "#editor",
    "mine": "#mine-list",
    "inbox": "#inbox-list",
    "history": "#history-list",
}
