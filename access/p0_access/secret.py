"""Values that must never be shown: their `repr` and `str` are redacted, also where Rich or a traceback prints them."""

from __future__ import annotations

import hmac
from typing import Any, Final, NoReturn


class Secret:
    """Holds a secret text. `reveal()` is the only way to it, so a search finds every place that uses one."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a secret is never formatted; call reveal() where it is really needed")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


class Hidden:
    """For records that hold secrets: whoever prints one, in a log, a traceback or through Rich, sees only its type.

    msgspec gives its structs a `__rich_repr__` of all members; this one comes first.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
