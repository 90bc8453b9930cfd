"""The JSON Schema of a rules document, for editors: printed from the tables that `load` reads by.

`docs/rules.schema.json` is this, as text.
"""

from __future__ import annotations

import json
from typing import Any

from p0_access.routing.grammar import APPROVAL, DOCUMENT, NAMED, VERDICTS, Table


def schema() -> dict[str, Any]:
    definitions = {name: _object(table) for name, table in NAMED.items()}
    definitions["approval"]["oneOf"] = [{"required": [verdict]} for verdict in VERDICTS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules of p0",
        **_object(DOCUMENT),
        "$defs": definitions,
    }


def schema_text() -> str:
    """As it is written to a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _object(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": dict(table.keys)}
    if table.required:
        found["required"] = list(table.required)
    return found


assert set(VERDICTS) <= APPROVAL.keys.keys(), "every verdict is a key of approval"
