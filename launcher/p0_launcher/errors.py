"""The launcher's errors, and the one place that says how an error leaves the program.

    LauncherError                 base: has a stable code, a message, a hint and an exit status
    ├── UsageError            64  the command line asks for something that makes no sense
    │   └── StepUpRequiredError   64  it needs a sign-in of its own, and has none that will do
    ├── SqlRefusedError       65  SQL that cannot be understood, or would not run as it is signed
    ├── UnavailableError      69  the server, the agent or the identity provider does not answer
    ├── UnverifiedError       70  a signed record that does not hold; nothing it says is used
    ├── StillPendingError     75  not decided within the time; the request lives on
    ├── DeniedError           77  the answer is no
    └── ConfigurationError    78  a profile, a pin, a keyring or a psql that is missing or wrong
        └── NotSignedInError  78  there is no session, or it has ended

Exit statuses are those of sysexits(3) where psql has none of its own; psql's 0 to 3 pass through after exec.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, TextIO

from p0_access.errors import MalformedError, P0Error, ProofError, ReadingError

if TYPE_CHECKING:
    from p0_access.routing.decision import StepUp


class Exit(IntEnum):
    """How `p0` ends when it does not become another program."""

    OK = 0
    USAGE = 64
    SQL = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    PENDING = 75
    DENIED = 77
    CONFIGURATION = 78
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class LauncherError(P0Error):
    """Anything the launcher reports. `exit_code` is the status that a command ends with."""

    exit_code: ClassVar[Exit] = Exit.INTERNAL


class UsageError(LauncherError):
    """The command line asks for something that makes no sense."""

    exit_code = Exit.USAGE


class StepUpRequiredError(UsageError):
    """By the rules this act needs a sign-in made for it; `demands` says how strong, if anything does. `final`: the
    agent has said no to that very act for it."""

    CODE: ClassVar = "step_up_required"

    def __init__(
        self, message: str, *, hint: str | None = None, demands: tuple[StepUp, ...] = (), final: bool = False
    ) -> None:
        super().__init__(message, code=self.CODE, hint=hint)
        self.demands = demands
        self.final = final


class SqlRefusedError(LauncherError):
    """SQL that cannot be understood, or that would not run as it is signed."""

    exit_code = Exit.SQL


class UnavailableError(LauncherError):
    """The server, the agent or the identity provider does not answer. Trying again later may help."""

    exit_code = Exit.UNAVAILABLE


class UnverifiedError(LauncherError):
    """A record or a token that does not hold. Somebody is lying, or is broken: nothing of it is used."""

    exit_code = Exit.INTERNAL


class StillPendingError(LauncherError):
    """Not decided within the time; the request lives on."""

    exit_code = Exit.PENDING


class DeniedError(LauncherError):
    """The answer is no."""

    exit_code = Exit.DENIED


class ConfigurationError(LauncherError):
    """A profile, a pin, a keyring or a program that is missing or wrong."""

    exit_code = Exit.CONFIGURATION


class NotSignedInError(ConfigurationError):
    """There is no session, or it has ended."""

    def __init__(self, message: str, *, code: str = "not_signed_in", hint: str | None = "Sign in: p0 login") -> None:
        super().__init__(message, code=code, hint=hint)


def exit_code_of(error: P0Error) -> Exit:
    """The status for any error that a person sees, the kernel's included."""
    match error:
        case LauncherError():
            return error.exit_code
        case ReadingError():
            return Exit.SQL
        case ProofError() | MalformedError():
            return Exit.INTERNAL
        case _:
            return Exit.CONFIGURATION


def report(error: P0Error, stream: TextIO | None = None) -> Exit:
    """Prints what happened, where in the SQL, and what to do next; gives the exit status."""
    from p0_launcher.text import shown

    out = sys.stderr if stream is None else stream
    place = f"line {error.line}, column {error.column}: " if isinstance(error, ReadingError) else ""
    print(f"p0: {place}{shown(str(error), lines=False)}", file=out)
    if error.hint:
        print(f"hint: {shown(error.hint, lines=False)}", file=out)
    return exit_code_of(error)
