"""The server's errors. Each has a stable `code`, a message for people and, where there is one, a hint.

ServerError                  base; `status` is the HTTP status it is answered with
├── ConfigurationError       the server cannot start like this                         (exit 78)
├── UnavailableError         something that is needed does not answer                  (503, exit 69)
├── UnauthorizedError        who calls is not proven                                   (401)
├── ForbiddenError           known, but not allowed                                    (403)
├── NotFoundError            not there, or not to be seen, which look alike            (404)
├── ConflictError            the state of things does not allow it                     (409)
├── UnprocessableError       understood, and not acceptable                            (422)
│   └── StepUpRequiredError  it needs a sign-in of its own                             (422)
└── TooManyCallsError        more often than one identity may call                     (429)
"""

from __future__ import annotations

from typing import ClassVar

from p0_access.errors import P0Error
from p0_access.routing.decision import StepUp


class ServerError(P0Error):
    """Anything the server reports."""

    status: ClassVar[int] = 500


class ConfigurationError(ServerError):
    """A setting that is missing or wrong."""


class UnavailableError(ServerError):
    status = 503


class UnauthorizedError(ServerError):
    status = 401


class ForbiddenError(ServerError):
    status = 403


class NotFoundError(ServerError):
    status = 404


class ConflictError(ServerError):
    status = 409


class UnprocessableError(ServerError):
    status = 422


class StepUpRequiredError(UnprocessableError):
    """By the rules an act needs a sign-in made for it; `demands` says how strong."""

    def __init__(self, error: P0Error, demands: tuple[StepUp, ...]) -> None:
        super().__init__(str(error), code=error.code, hint=error.hint)
        self.demands = demands


class TooManyCallsError(ServerError):
    status = 429
