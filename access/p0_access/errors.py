"""The kernel's errors.

    P0Error                 what happened, and a hint: every error a person may see
    ├── MalformedError      bytes that are not what they claim to be (shape, caps, encoding)
    ├── ProofError          a signature, token or commitment that does not hold
    │   └── StepUpError     the act needs a sign-in of its own; carries how strong
    ├── ReadingError        SQL that is not understood; carries its place
    ├── RulesError          a rules file that cannot be used; carries its place
    └── DirectoryError      a file of groups that cannot be used

Every error has a stable `code` (snake_case) that programs and tests rely on; the message is for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from p0_access.routing.decision import StepUp


class P0Error(Exception):
    """Something a person can act on: `code` is stable, `str()` says what happened, `hint` what to do next."""

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class MalformedError(P0Error):
    """Bytes that are not the record they claim to be."""


class ProofError(P0Error):
    """A proof that does not hold; nothing may be done in its name."""


class StepUpError(ProofError):
    """An act without the sign-in of its own that rules ask for; one sign-in meets every one of `demands`."""

    def __init__(self, message: str, *, code: str, hint: str | None = None, demands: tuple[StepUp, ...] = ()) -> None:
        super().__init__(message, code=code, hint=hint)
        self.demands = demands


class ReadingError(P0Error):
    """SQL that is not understood. `line` and `column` are 1-based, in characters of the text as given."""

    def __init__(self, message: str, *, code: str, hint: str | None = None, line: int = 1, column: int = 1) -> None:
        super().__init__(message, code=code, hint=hint)
        self.line = line
        self.column = column


class DirectoryError(P0Error):
    """A file of groups that cannot be used."""


class RulesError(P0Error):
    """A rules file that cannot be used. `line` and `column` are 1-based."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "rules_invalid",
        hint: str | None = None,
        line: int = 1,
        column: int = 1,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.line = line
        self.column = column
