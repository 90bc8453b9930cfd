"""What a reading of SQL yields: for each statement its needs with their reasons, or why it is not understood."""

from __future__ import annotations

import msgspec

from p0_access.errors import ReadingError
from p0_access.permissions.permission import Permission, canonical

DEFAULT_SEARCH_PATH = ("public",)


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Why a permission is needed: the clause (`select list`, `where`, `insert column`, …) and, 1-based, its place in
    the text."""

    clause: str
    line: int
    column: int


class Need(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    permission: Permission
    why: tuple[Why, ...]


class ReadingWarning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something a reviewer should know that is not a permission, such as `security_definer_function`."""

    code: str
    message: str


class StatementReading(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="ok", tag="yes"
):
    """One understood statement. `command` is SELECT, INSERT, UPDATE, DELETE, …; `writes` says that it may change data.

    `reached` is what owner-run code reads or writes on the caller's behalf: not charged to the caller, but routed and
    shown.
    """

    index: int
    text: str
    command: str
    writes: bool
    needs: tuple[Need, ...]
    reached: tuple[Permission, ...] = ()
    warnings: tuple[ReadingWarning, ...] = ()

    @property
    def permissions(self) -> tuple[Permission, ...]:
        return canonical(need.permission for need in self.needs)


class Refused(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="ok", tag="no"):
    """A statement that is not understood; nothing may be granted for the text it stands in."""

    index: int
    text: str
    code: str
    message: str
    hint: str | None
    line: int
    column: int

    def error(self) -> ReadingError:
        return ReadingError(self.message, code=self.code, hint=self.hint, line=self.line, column=self.column)


Reading = tuple[StatementReading | Refused, ...]
"""A whole text, statement by statement, in order."""


def needed(reading: Reading) -> tuple[Permission, ...]:
    """The union over all statements; raises the first refusal, since a text is granted whole or not at all."""
    found: list[Permission] = []
    for statement in reading:
        if isinstance(statement, Refused):
            raise statement.error()
        found.extend(need.permission for need in statement.needs)
    return canonical(found)
