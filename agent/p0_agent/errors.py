"""The agent's errors.

AgentError                 base: has a stable code, a message and a hint
├── RefusedError           a step of the verification order says no; becomes a signed refusal
├── ServerUnavailableError the control plane does not answer; the worker tries again
├── IssuerUnavailableError an identity provider does not answer; the job waits for it
└── ConfigurationError     the agent cannot start like this
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from p0_access.errors import P0Error, StepUpError
from p0_access.routing.decision import StepUp


class Step(IntEnum):
    """The verification order, as `docs/protocol.md` numbers it. Each refusal names its step."""

    SHAPE = 1
    AUDIENCE = 2
    TOKEN = 3
    COMMITMENT = 4
    SIGNATURE = 5
    CLAIM = 6
    READING = 7
    RULES = 8
    APPROVALS = 9
    COLLECT = 10
    CEILING = 11
    PROVISION = 12
    SEAL = 13


class AgentError(P0Error):
    """Anything the agent reports."""


class RefusedError(AgentError):
    """The agent will not, and `step` says where in the order it stopped; `demands` which sign-ins the act lacks."""

    def __init__(
        self, message: str, *, step: Step, code: str, hint: str | None = None, demands: tuple[StepUp, ...] = ()
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.step = step
        self.demands = demands


class TransientError(AgentError):
    """Something is away or busy for a while. Never an answer to a request: its job is tried again."""


class ServerUnavailableError(TransientError):
    """The server does not answer, or not as a server would."""


class IssuerUnavailableError(TransientError):
    """An identity provider gives no keys to verify with, now and for longer than known ones may be used."""


class ConfigurationError(AgentError):
    """A setting that is missing or wrong."""


@contextmanager
def at(step: Step) -> Iterator[None]:
    """Whatever the kernel or the database refuses inside becomes a refusal at this step; what is transient does not."""
    try:
        yield
    except (RefusedError, TransientError):
        raise
    except P0Error as error:
        demands = error.demands if isinstance(error, StepUpError) else ()
        raise RefusedError(str(error), step=step, code=error.code, hint=error.hint, demands=demands) from error
