"""The functions of the hardened mode as this version of p0 has them: what their text is filled with, and what it comes
to in a database, by which the self-check tells them from those of another version. Nothing here connects to one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from psycopg import sql

from p0_agent.postgres.errors import GUARD_REFUSED
from p0_agent.postgres.guard import CLOCK_SLACK, SETTINGS, GuardCeiling
from p0_agent.postgres.names import LOGIN_PATTERN, SET_PATTERN
from p0_agent.postgres.powers import first_body, keep_body
from p0_agent.postgres.queries import query

_FUNCTION: Final = re.compile(
    r"^CREATE OR REPLACE FUNCTION p0_guard\.(?P<name>\w+)\(.*?^AS \$p0\$(?P<body>.*?)\$p0\$;$", re.DOTALL | re.MULTILINE
)


def constants(broker: str) -> dict[str, sql.Composable]:
    """What the bodies are filled with, the same in every database of an installation."""
    return {
        "broker_name": sql.Literal(broker),
        "login_pattern": sql.Literal(LOGIN_PATTERN),
        "set_pattern": sql.Literal(SET_PATTERN),
        "settings_allowed": sql.Literal(list(SETTINGS)),
        "refused": sql.Literal(GUARD_REFUSED),
        "clock_slack": sql.Literal(CLOCK_SLACK),
        "keep": keep_body(),
        "first": first_body(),
    }


def ceiling_parts(ceiling: GuardCeiling, schemas: Sequence[str], keeper: str | None) -> dict[str, sql.Composable]:
    """What the table of the ceiling is filled with; no body has any of it. `keeper` gets what logins own."""
    return {
        "max_ttl": sql.Literal(ceiling.max_ttl),
        "max_permissions": sql.Literal(ceiling.max_permissions),
        "connections": sql.Literal(ceiling.connections),
        "privileges": sql.Literal(list(ceiling.privileges)),
        "kinds": sql.Literal([kind.value for kind in ceiling.kinds]),
        "schemas": sql.Literal(list(schemas)),
        "granted_roles": sql.Literal(list(ceiling.roles)),
        "kept_by": sql.Literal(keeper),
    }


def body_digests(broker: str) -> dict[str, str]:
    """The SHA-256 in hex of each function's body (`pg_proc.prosrc`), by its name in `p0_guard`."""
    parts = constants(broker)
    return {
        found["name"]: hashlib.sha256(sql.SQL(found["body"]).format(**parts).as_string(None).encode()).hexdigest()
        for found in _FUNCTION.finditer(query("guard").decode())
    }
