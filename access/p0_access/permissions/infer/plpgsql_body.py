"""What a PL/pgSQL body is taken apart into, and the variables that PL/pgSQL makes by itself."""

from __future__ import annotations

from typing import Final

TRIGGER_VARIABLES: Final[dict[str, str | None]] = {
    **dict.fromkeys(("new", "old")),
    **dict.fromkeys(("tg_when", "tg_level", "tg_op"), "text"),
    **dict.fromkeys(("tg_name", "tg_relname", "tg_table_name", "tg_table_schema"), "name"),
    "tg_relid": "oid",
    "tg_nargs": "int4",
    "tg_argv": "text[]",
}
"""By name, with their types."""
EVENT_TRIGGER_VARIABLES: Final[dict[str, str | None]] = dict.fromkeys(("tg_event", "tg_tag"), "text")
_IMPLICIT: Final = ("found", "sqlstate", "sqlerrm")


class Body:
    """What a body holds: `statements` as SQL text and in order, expressions as SELECTs among them, and `variables` by
    name with their types as they are written, empty where that is not known. `dynamic`: it executes text. `sets_event`:
    TG_OP may be something else than the event."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.types: list[str] = []
        self.variables: dict[str, str] = dict.fromkeys(_IMPLICIT, "")
        self.dynamic = False
        self.sets_event = False

    def declare(self, name: str, type_: str = "") -> None:
        """A variable. Blocks may use one name for several, which are not told apart here."""
        self.sets_event = self.sets_event or name == "tg_op"
        self.variables[name] = type_ if self.variables.get(name, type_) == type_ else ""
