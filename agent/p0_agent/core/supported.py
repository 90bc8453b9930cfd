"""Step 1, of a request: whatever in it this agent gives no meaning to is refused, never ignored.

Somebody signed it, and may rely on it; somebody else may have put it there so that two readers differ.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec import UNSET

from p0_access.messages.records import Request
from p0_access.proof.sealing import check_sealing_key
from p0_agent.errors import RefusedError, Step, at

ALWAYS_THERE: Final = frozenset({"public", "pg_catalog", "information_schema"})
"""Schemas that a search path may name besides the managed ones."""


def check(request: Request, *, schemas: Collection[str]) -> None:
    """`schemas` are the managed ones of the request's database."""
    with at(Step.SHAPE):
        check_sealing_key(request.enc)
    if request.what.settings is not UNSET and request.what.settings:
        raise RefusedError(
            "this agent does not know a setting",
            step=Step.SHAPE,
            code="settings_unsupported",
            hint="Leave the settings out of the request.",
        )
    if request.what.search_path is not UNSET:
        _check_search_path(request.what.search_path, schemas)


def _check_search_path(path: tuple[str, ...], schemas: Collection[str]) -> None:
    """In a schema that the agent does not manage, anybody may put something that takes the place of what was read."""
    for position, schema in enumerate(path):
        if schema == "pg_catalog" and position > 0:
            raise _unsafe("pg_catalog comes first in a search path, or is left out")
        if schema not in ALWAYS_THERE and schema not in schemas:
            raise _unsafe(f"the agent does not manage the schema {schema!r} of the search path")


def _unsafe(message: str) -> RefusedError:
    return RefusedError(message, step=Step.SHAPE, code="search_path_unsafe", hint="Write names with their schemas.")
